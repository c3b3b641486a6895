"""Adaptive attention with a visual sentinel: one more key, which stands for the network's own memory.

Letters: B batch, L words, S regions, D width, X width of the input of a word, A hidden width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.normalisers import Softmax
from transduce.attention.scores import Additive

Words = Float[Tensor, "B L D"]


class VisualSentinel(nn.Module):
    """Each word attends to the regions of a picture and to its own sentinel, which is a gated memory cell:

        sentinel_i = sigmoid(W_x x_i) * tanh(m_i)
        score_ij   = v . tanh(W h_i + U region_j),    score of the sentinel = v . tanh(W h_i + U_s sentinel_i)

    hidden: h, the state of an LSTM, and cell: m, its memory cell. step_input: x, the input of the LSTM and its state before.
    """

    def __init__(self, width: int, step_input: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(step_input, width, bias=False)
        self.score = Additive(width, width, hidden)
        self.from_sentinel = nn.Linear(width, hidden, bias=False)  # U_s

    def sentinel(self, cell: Words, step_input: Float[Tensor, "B L X"]) -> Words:
        sentinel: Tensor = self.gate(step_input).sigmoid() * cell.tanh()
        return sentinel

    def forward(
        self, hidden: Words, cell: Words, step_input: Float[Tensor, "B L X"], regions: Float[Tensor, "B S D"]
    ) -> Float[Tensor, "B L D"]:
        weights = self.weights(hidden, cell, step_input, regions)
        return weights[..., :-1] @ regions + weights[..., -1:] * self.sentinel(cell, step_input)

    def weights(
        self, hidden: Words, cell: Words, step_input: Float[Tensor, "B L X"], regions: Float[Tensor, "B S D"]
    ) -> Float[Tensor, "B L S+1"]:
        """The last column is the sentinel's: how little the word needs the picture."""
        score = self.score
        own = score.from_query(hidden) + self.from_sentinel(self.sentinel(cell, step_input))
        of_sentinel = score.to_score(score.activation(own))  # (B, L, 1)
        return Softmax()(torch.cat([score(hidden, regions), of_sentinel], -1), None)


CAPTION, REGIONS = ("a", "cat", "on", "a", "sofa"), 6


def caption_and_picture(batch: int, width: int) -> tuple[Tensor, ...]:
    hidden, cell = torch.randn(2, batch, len(CAPTION), width).mul(4).unbind(0)
    return hidden, cell, torch.randn(batch, len(CAPTION), 2 * width), 4 * torch.randn(batch, REGIONS, width)


VISUAL_SENTINEL = Mechanism(
    name="visual-sentinel",
    purpose="A word of a caption looks at the picture or, for words like 'of', at what the network has in memory.",
    formula="sum_j a_j region_j + a_S sentinel with a = softmax([v . tanh(W h + U region_j)]_j, v . tanh(W h + U_s sentinel))",
    paper="Lu et al. 2017, Knowing When to Look: Adaptive Attention via a Visual Sentinel, 1612.01887",
    cost="time and memory L * S * A; X D + 3 D A + 2 A parameters",
    kind="own module",
    build=lambda width: VisualSentinel(width, 2 * width, width),
    shapes="(B, L, D), (B, L, D), (B, L, X), (B, S, D) -> (B, L, D)",
    inputs=caption_and_picture,
    sides=(CAPTION, [*(f"region {number}" for number in range(1, REGIONS + 1)), "sentinel"]),
    caption="A row shows where its word looks; the sentinel's weight is the share that needs no picture. Vectors are random.",
    alternates=("adaptive",),
)
