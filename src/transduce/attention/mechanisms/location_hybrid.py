"""Hybrid attention by content and location: the last alignment, through a convolution, is part of the score.

Letters: B batch, S keys, C filters.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mechanisms.alignment_feedback import AlignmentFeedback
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.monotonic import SIDES, steps_and_frames

FILTERS, TAPS = 4, 3  # of the example


class Filtered(nn.Module):
    """F * a: `filters` learned filters over the alignment, centred on each key."""

    def __init__(self, filters: int, taps: int) -> None:
        super().__init__()
        if taps % 2 == 0:
            raise ValueError(f"filters need an odd number of taps, which has a middle, found {taps}")
        self.filters = nn.Conv1d(1, filters, taps, padding=taps // 2, bias=False)

    def forward(self, alignment: Float[Tensor, "B S"]) -> Float[Tensor, "B S C"]:
        filtered: Tensor = self.filters(alignment.unsqueeze(1))
        return filtered.mT


@torch.no_grad()
def example(width: int) -> AlignmentFeedback:
    """Its first filter sees the weight of the key before, and raises the energy by it; training would learn that."""
    filtered = Filtered(FILTERS, TAPS)
    module = AlignmentFeedback(width, width, width, filtered, FILTERS, update=lambda memory, weights: weights)
    filtered.filters.weight[0] = torch.tensor([[1.0, 0.0, 0.0]])
    to_score = module.score.to_score.weight.mul_(4)  # (1, A), larger than at the start
    module.from_features.weight[:, 0] = 4 * to_score[0]
    return module


LOCATION_HYBRID = Mechanism(
    name="location-hybrid",
    purpose="Knows the place where it looked last: of equal keys it can choose the next one, as in speech.",
    formula="softmax_j(v . tanh(W q_i + U k_j + X (F * a_{i-1})_j + b)) v_j",
    paper="Chorowski et al. 2015, Attention-Based Models for Speech Recognition, 1506.07503",
    cost="time L * S * A, L steps one after the other",
    kind="own module",
    build=example,
    shapes="(B, L, D), (B, S, E), (B, S, V) -> (B, L, V)",
    inputs=steps_and_frames,
    sides=SIDES,
    caption="A row shows where its step looks; the keys after those of the row above have more weight.",
    note="The alignment before the first step is zero. Tacotron 2 filters the sum of all earlier alignments instead.",
    alternates=("location-based",),
)
