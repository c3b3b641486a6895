"""Talking heads: learned mixtures across the heads, of the scores before the softmax and of the weights after it.

Letters: B batch, T tokens, D width, H heads.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention import normalisers, scores
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.multihead import SelfAttention

HEADS = 2  # of the example


class TalkingHeads(nn.Module):
    """Self-attention with both mixtures. They begin as the identity, with which it is plain multi-head attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.mixed_scores = scores.TalkingHeads(heads, scores.ScaledDotProduct())
        self.mixed_weights = normalisers.TalkingHeads(heads, normalisers.Softmax())
        self.attention = SelfAttention(width, heads, score=self.mixed_scores, normalise=self.mixed_weights)

    def forward(self, x: Float[Tensor, "B T D"], mask: Mask | DenseMask | None = None) -> Float[Tensor, "B T D"]:
        output, _ = self.attention(x, mask)
        return output  # type: ignore[no-any-return]

    def weights(self, x: Float[Tensor, "B T D"], mask: Mask | DenseMask | None = None) -> Float[Tensor, "B H T T"]:
        """Rows need not sum to 1: the mixture of the weights is any matrix."""
        return self.attention.weights(x, mask)


@torch.no_grad()
def example(width: int) -> TalkingHeads:
    """Two heads, of which each has a quarter of the other's scores and weights."""
    module = TalkingHeads(width, HEADS)
    for each in (module.mixed_scores, module.mixed_weights):
        each.mixture.copy_(torch.tensor([[0.75, 0.25], [0.25, 0.75]]))
    return module


TALKING_HEADS = Mechanism(
    name="talking-heads",
    purpose="Heads share their scores before the softmax and their weights after it.",
    formula="weights_h = sum_g M_gh softmax(sum_f N_fg q_f . k_f / sqrt(E)) for heads f, g, h of width E",
    paper="Shazeer et al. 2020, Talking-Heads Attention, 2003.02436",
    cost="time and memory of multi-head attention plus H^2 * T^2; 2 H^2 parameters more",
    kind="own part",
    build=example,
    shapes="(B, T, D) -> (B, T, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(WORDS, WORDS),
    caption="A row shows where its word looks. Each head has three quarters of its own weights and a quarter of the other's.",
    note="Both mixtures begin as the identity; the example sets other values.",
    alternates=("cooperative",),
)
