"""Task-specific attention: each task has a learned query.

Letters: B batch, T tasks, S tokens, D width, H heads.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import padding, zero_padding
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.mechanisms.multi_head import MultiHead

TASKS = ("topic", "sentiment", "language")


class TaskQueries(nn.Module):
    """Cross-attention from one learned query for each task. `allowed` is False at padding."""

    def __init__(self, width: int, tasks: int, heads: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(tasks, width))
        self.attention = MultiHead(width, heads)

    def forward(
        self, states: Float[Tensor, "B S D"], allowed: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B T D"]:
        states = zero_padding(states, allowed)
        output: Tensor = self.attention(self._queries(states), states, states, padding(allowed))
        return output

    def weights(
        self, states: Float[Tensor, "B S D"], allowed: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B H T S"]:
        states = zero_padding(states, allowed)
        return self.attention.weights(self._queries(states), states, states, padding(allowed))

    def _queries(self, states: Tensor) -> Float[Tensor, "B T D"]:
        return self.queries.expand(len(states), -1, -1)


TASK_SPECIFIC = Mechanism(
    name="task-specific",
    purpose="Each task reads the shared states by a learned query of its own, and learns only through it.",
    formula="y_t = MultiHead(E_t, Z, Z) with a learned query E_t for each task t",
    paper="Jaegle et al. 2021, Perceiver IO, 2107.14795",
    cost="time T * S * D + (T + S) D^2; T D + 4 D^2 + 4 D parameters for T tasks",
    kind="point",
    build=lambda width: TaskQueries(width, len(TASKS), heads=2),
    shapes="(B, S, D) -> (B, T, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(TASKS, WORDS),
    caption="A row shows where its task looks. Queries are random before training.",
    note="The name also stands for a gate on the channels of each task (1904.08918). Many queries, one for each label, are "
    "label attention (CAML, 1802.05695).",
)
