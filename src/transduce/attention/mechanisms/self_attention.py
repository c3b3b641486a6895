"""Self-attention: queries, keys and values come from the same tokens.

Letters: B batch, L tokens, D width, H heads.
"""

from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mask import DenseMask, Mask
from transduce.attention.mechanisms.mechanism import Mechanism, sentences
from transduce.attention.multihead import SelfAttention


class WholeRows(nn.Module):
    """`SelfAttention` without a cache: tokens to tokens."""

    def __init__(self, attention: SelfAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Float[Tensor, "B L D"], mask: Mask | DenseMask | None = None) -> Float[Tensor, "B L D"]:
        output: Tensor = self.attention(x, mask)[0]
        return output

    def weights(self, x: Float[Tensor, "B L D"], mask: Mask | DenseMask | None = None) -> Float[Tensor, "B H L L"]:
        return self.attention.weights(x, mask)


SELF = Mechanism(
    name="self",
    purpose="Each token attends to all tokens of its own row.",
    formula="multi-head attention with Q = K = V = X",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.2.3; before it: Cheng et al. 2016, 1601.06733",
    cost="time L^2 D + L D^2; 4 D^2 + 4 D parameters",
    kind="point",
    build=lambda width: WholeRows(SelfAttention(width, heads=2)),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    note="Without position encodings a permutation of the tokens permutes the output.",
)
