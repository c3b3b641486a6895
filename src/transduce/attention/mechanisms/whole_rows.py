"""Self-attention over whole rows of tokens, as the rows of the catalogue have it.

Letters: B batch, L tokens, D width, H heads.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mask import Mask
from transduce.attention.mechanisms.mechanism import restricted
from transduce.attention.multihead import SelfAttention


class WholeRows(nn.Module):
    """`SelfAttention` without a cache: tokens to tokens.

    bias: from the numbers of queries and keys. own_mask: that of the mechanism; a caller's mask restricts it further.
    """

    def __init__(
        self,
        attention: SelfAttention,
        bias: Callable[[int, int], Tensor] | None = None,
        own_mask: Mask | None = None,
    ) -> None:
        super().__init__()
        self.attention, self.bias, self.own_mask = attention, bias, own_mask

    def forward(self, x: Float[Tensor, "B L D"], mask: Mask | None = None) -> Float[Tensor, "B L D"]:
        output: Tensor = self.attention(x, restricted(self.own_mask, mask), self._bias(x))[0]
        return output

    def weights(self, x: Float[Tensor, "B L D"], mask: Mask | None = None) -> Float[Tensor, "B H L L"]:
        return self.attention.weights(x, restricted(self.own_mask, mask), self._bias(x))

    def _bias(self, x: Float[Tensor, "B L D"]) -> Tensor | None:
        return None if self.bias is None else self.bias(x.shape[1], x.shape[1]).to(x)
