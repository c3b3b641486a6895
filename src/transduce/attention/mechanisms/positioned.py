"""Self-attention with positions, as the rows of relative positions have it.

Letters: B batch, L tokens, D width, H heads.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mask import Mask
from transduce.attention.multihead import SelfAttention


class PositionedSelfAttention(nn.Module):
    """`SelfAttention` with a bias from the numbers of queries and keys, and a mask of its own."""

    def __init__(
        self,
        attention: SelfAttention,
        bias: Callable[[int, int], Tensor] | None = None,
        mask: Mask | None = None,
    ) -> None:
        super().__init__()
        self.attention, self.bias, self.mask = attention, bias, mask

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        output: Tensor = self.attention(x, self.mask, self._bias(x))[0]
        return output

    def weights(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B H L L"]:
        return self.attention.weights(x, self.mask, self._bias(x))

    def _bias(self, x: Float[Tensor, "B L D"]) -> Tensor | None:
        return None if self.bias is None else self.bias(x.shape[1], x.shape[1]).to(x)
