"""Memory attention: a question reads a memory several times.

Letters: B batch, S facts, D width, K hops.
"""

from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.pooling import pool, pool_weights

HOPS, FACTS = 3, 5


def hop(
    question: Float[Tensor, "B D"],
    memory_in: Float[Tensor, "B S D"],
    memory_out: Float[Tensor, "B S D"],
    allowed: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B D"]:
    """u + softmax_j(u . m_j) c_j."""
    return question + pool(question, memory_in, memory_out, allowed)


class MemoryHops(nn.Module):
    """`hop` after `hop` over the same facts. The output map of a hop is the input map of the next. `allowed` is False at
    free slots.
    """

    def __init__(self, width: int, hops: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(hops + 1))

    def forward(
        self,
        question: Float[Tensor, "B D"],
        facts: Float[Tensor, "B S D"],
        allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B D"]:
        return self._questions(question, facts, allowed)[-1]

    def weights(
        self,
        question: Float[Tensor, "B D"],
        facts: Float[Tensor, "B S D"],
        allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B K S"]:
        """A row for each of K hops."""
        facts = zero_padding(facts, allowed)
        questions = self._questions(question, facts, allowed)
        # the last question is the output: no hop reads it
        rows = [
            pool_weights(u, to_memory(facts), allowed) for u, to_memory in zip(questions, self.maps[:-1], strict=False)
        ]
        return torch.cat(rows, 1)

    def _questions(self, question: Tensor, facts: Tensor, allowed: Tensor | None) -> list[Tensor]:
        """The question before the first hop, and after each."""
        memories = [to_memory(zero_padding(facts, allowed)) for to_memory in self.maps]
        questions = [question]
        for memory_in, memory_out in pairwise(memories):
            questions.append(hop(questions[-1], memory_in, memory_out, allowed))
        return questions


MEMORY = Mechanism(
    name="memory",
    purpose="A question reads a memory in several hops; each hop adds its result to the question of the next.",
    formula="u <- u + softmax_j(u . A_k x_j) A_{k+1} x_j for each hop k",
    paper="Sukhbaatar et al. 2015, End-To-End Memory Networks, 1503.08895",
    cost="time K * S * D^2 for K hops; (K + 1) D^2 parameters",
    kind="arrangement",
    build=lambda width: MemoryHops(width, HOPS),
    shapes="(B, D), facts (B, S, D) -> (B, D)",
    inputs=lambda batch, width: (torch.randn(batch, width), 2 * torch.randn(batch, FACTS, width)),
    sides=([f"hop {n + 1}" for n in range(HOPS)], [f"fact {n + 1}" for n in range(FACTS)]),
    caption="A row shows which facts its hop reads. The order of the facts has no influence.",
)
