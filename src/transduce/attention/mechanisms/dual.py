"""Dual attention: an image and a text are read in several steps, and a shared memory steers both.

Letters: B batch, N regions, T words, S of either, D and E widths, A hidden width, K steps.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.pooling import pool, pool_weights

STEPS, REGIONS, WORDS = 2, 4, ("a", "red", "kite")


class Gated(nn.Module):
    """The score w . (tanh(W x_j) * tanh(W' m)) of a memory m, as a query w * tanh(W' m) and keys tanh(W x_j) for `pool`."""

    def __init__(self, width: int, memory: int, hidden: int) -> None:
        super().__init__()
        self.to_key = nn.Linear(width, hidden, bias=False)
        self.to_query = nn.Linear(memory, hidden, bias=False)
        self.score = nn.Parameter(torch.randn(hidden))

    def forward(
        self, x: Float[Tensor, "B S D"], memory: Float[Tensor, "B E"]
    ) -> tuple[Float[Tensor, "B A"], Float[Tensor, "B S A"]]:
        return self.score * self.to_query(memory).tanh(), self.to_key(x).tanh()


class DualAttention(nn.Module):
    """m <- m + v * u for `steps` readings v of the regions and u of the words. The first m is the product of their means.

    allowed: False at padding of the words.
    """

    def __init__(self, region: int, word: int, hidden: int, steps: int) -> None:
        super().__init__()
        self.regions = nn.ModuleList(Gated(region, word, hidden) for _ in range(steps))
        self.words = nn.ModuleList(Gated(word, word, hidden) for _ in range(steps))
        self.first_to_word = nn.Linear(region, word, bias=False)
        self.to_word = nn.ModuleList(nn.Linear(region, word, bias=False) for _ in range(steps))

    def forward(
        self,
        regions: Float[Tensor, "B N D"],
        words: Float[Tensor, "B T E"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B E"]:
        return self._memories(regions, zero_padding(words, allowed), allowed)[-1]

    def weights(
        self,
        regions: Float[Tensor, "B N D"],
        words: Float[Tensor, "B T E"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B K N+T"]:
        """A row for each of K steps: weights of the regions, then of the words."""
        words = zero_padding(words, allowed)
        memories = self._memories(regions, words, allowed)
        # the last memory is the output: no step reads it
        rows = []
        for region_gate, word_gate, memory in zip(self.regions, self.words, memories, strict=False):
            region_query, region_keys = region_gate(regions, memory)
            word_query, word_keys = word_gate(words, memory)
            parts = pool_weights(region_query, region_keys), pool_weights(word_query, word_keys, allowed)
            rows.append(torch.cat(parts, -1))
        return torch.cat(rows, 1)

    def _memories(self, regions: Tensor, words: Tensor, allowed: Tensor | None) -> list[Tensor]:
        """The memory before the first step, and after each."""
        v = self.first_to_word(regions.mean(1)).tanh()
        u = pool(words.new_zeros(words.shape[-1]), words, words, allowed)  # equal scores: the mean
        memories = [v * u]
        for region_gate, word_gate, to_word in zip(self.regions, self.words, self.to_word, strict=True):
            region_query, region_keys = region_gate(regions, memories[-1])
            word_query, word_keys = word_gate(words, memories[-1])
            v = to_word(pool(region_query, region_keys, regions)).tanh()
            u = pool(word_query, word_keys, words, allowed)
            memories.append(memories[-1] + v * u)
        return memories


DUAL = Mechanism(
    name="dual",
    purpose="Reads an image and a text side by side in several steps; a shared memory steers both readings.",
    formula="m <- m + v * u with v = tanh(P sum_n a_n v_n), a = softmax_n(w . (tanh(W v_n) * tanh(W' m))), and u alike",
    paper="Nam, Ha and Kim 2017, Dual Attention Networks for Multimodal Reasoning and Matching, 1611.00471 (r-DAN)",
    cost="time K * (N + T) * D * A for K steps and a hidden width A",
    kind="arrangement",
    build=lambda width: DualAttention(width, width, width, STEPS),
    shapes="regions (B, N, D), words (B, T, E) -> (B, E)",
    inputs=lambda batch, width: (torch.randn(batch, REGIONS, width), torch.randn(batch, len(WORDS), width)),
    sides=([f"step {n + 1}" for n in range(STEPS)], (*[f"region {n + 1}" for n in range(REGIONS)], *WORDS)),
    caption="A row shows which regions and which words its step reads. Regions sum to 100, and so do words.",
    sums_to_one=False,
    note="The name also stands for attention over positions and channels of an image (DANet, 1809.02983).",
    alternates=("danet",),
)
