"""Coverage: the score of a key sees the sum of all weights that the key had before.

Letters: B batch, S keys.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mechanisms.alignment_feedback import AlignmentFeedback
from transduce.attention.mechanisms.mechanism import Mechanism, sentences


class Sum(nn.Module):
    """The coverage of a key is its one feature."""

    def forward(self, coverage: Float[Tensor, "B S"]) -> Float[Tensor, "B S 1"]:
        return coverage.unsqueeze(-1)


@torch.no_grad()
def example(width: int) -> AlignmentFeedback:
    """With x = -8 v, so that coverage lowers the energy of a key; training would learn it. v is larger than at the start."""
    module = AlignmentFeedback(width, width, width, Sum(), 1, update=lambda memory, weights: memory + weights)
    to_score = module.score.to_score.weight.mul_(4)  # (1, A)
    module.from_features.weight.copy_(-2 * to_score.T)
    return module


COVERAGE = Mechanism(
    name="coverage",
    purpose="Knows how much weight each key has had: a translation can skip words that are done and find those left out.",
    formula="softmax_j(v . tanh(W q_i + U k_j + x c_ij + b)) v_j with c_ij = sum_{l < i} a_lj",
    paper="Tu et al. 2016, Modeling Coverage for Neural Machine Translation, 1601.04811",
    cost="time L * S * A, L steps one after the other; A parameters more than additive attention",
    kind="own module",
    build=example,
    shapes="(B, L, D), (B, S, E), (B, S, V) -> (B, L, V)",
    inputs=sentences,
    caption="A row shows where its word looks. Words that had much weight in the rows above have less in the next ones.",
    note="The linguistic coverage of the paper with a fertility of 1, as in pointer-generator networks (1704.04368).",
    alternates=("feedback",),
)
