"""Time-based attention: a forecast attends to the time steps of a series.

Letters: B batch, T time steps, D width of a step, P of the decoder's state.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.masks import padding, zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.scores import Additive

STEPS = 6


class TimeBased(nn.Module):
    """Additive attention whose query is the state of an LSTM, hidden and cell side by side, and whose keys are time steps.

    `allowed` is False where a step is missing.
    """

    def __init__(self, width: int, state: int, hidden: int) -> None:
        super().__init__()
        self.score = Additive(2 * state, width, hidden)

    def forward(
        self,
        states: Float[Tensor, "B T D"],
        hidden: Float[Tensor, "B P"],
        cell: Float[Tensor, "B P"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B D"]:
        keys = zero_padding(states, allowed).unsqueeze(1)
        return attend(_query(hidden, cell), keys, keys, padding(allowed), score=self.score)[:, 0, 0]

    def weights(
        self,
        states: Float[Tensor, "B T D"],
        hidden: Float[Tensor, "B P"],
        cell: Float[Tensor, "B P"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B 1 T"]:
        keys = zero_padding(states, allowed).unsqueeze(1)
        return attention_weights(_query(hidden, cell), keys, padding(allowed), score=self.score).squeeze(1)


def _query(hidden: Tensor, cell: Tensor) -> Float[Tensor, "B 1 1 Q"]:
    return torch.cat([hidden, cell], -1)[:, None, None]


def seasons(batch: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """States that repeat every three steps, and an LSTM's hidden state and cell."""
    turns = 2 * math.pi * torch.arange(STEPS)[:, None] / 3 + torch.rand(batch, 1, width) * 2 * math.pi
    return 3 * turns.sin(), torch.randn(batch, width).tanh(), torch.randn(batch, width)


TIME_BASED = Mechanism(
    name="time-based",
    purpose="A forecast weights the encoded time steps of a series by the state of the decoder.",
    formula="c = softmax_i(v . tanh(W [d, s] + U h_i)) h_i for the decoder's hidden state d and cell s",
    paper="Qin et al. 2017, A Dual-Stage Attention-Based RNN for Time Series Prediction, 1704.02971, temporal stage",
    cost="time and memory T * A for a hidden width A; (2 P + D + 2) A parameters for a state of width P",
    kind="arrangement",
    build=lambda width: TimeBased(width, width, width),
    shapes="(B, T, D), (B, P), (B, P) -> (B, D)",
    inputs=seasons,
    sides=(("forecast",), [f"step {number + 1}" for number in range(STEPS)]),
    caption="The weight of each time step. The series repeats every three steps, and so do the weights.",
    note="The paper's first stage, over the input series, is another attention.",
)
