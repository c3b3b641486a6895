"""Sampling: the next token drawn by its probability, after the distribution has been sharpened or cut.

Letters: B outputs, V vocabulary, N tokens left, T most steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.scores import best_tokens
from transduce.decoding.strategies.greedy import Choice, OneOutput, one_output


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. The cuts apply one after the other, each to what the one before has left."""

    temperature: Annotated[float, "logits are divided by this first: below 1 is bolder, above 1 more varied"] = 1.0
    top_k: Annotated[int, "only the k most probable tokens; 0: all (Fan et al. 2018, 1805.04833)"] = 0
    top_p: Annotated[
        float, "the fewest tokens that together have this probability (Holtzman et al. 2019, 1904.09751)"
    ] = 1.0
    min_p: Annotated[float, "tokens with this share of the best one's probability (Nguyen et al. 2024, 2407.01082)"] = (
        0.0
    )
    seed: Annotated[int, "of the draws; a sentence's draws depend on it and on its place in the input only"] = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be above 0, found {self.temperature}; for the best token use beam 1")
        if self.top_k < 0:
            raise ValueError(f"top-k must be at least 0, found {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top-p must be above 0 and at most 1, found {self.top_p}")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min-p must be 0 to 1, found {self.min_p}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, found {self.seed}")

    def probabilities(self, log_probs: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """What is drawn from: sharpened, cut, and summing to 1 again. The most probable token always stays."""
        best = log_probs.amax(-1, keepdim=True)  # taken off, as a tiny temperature would make all of them infinite
        kept = torch.softmax((log_probs - best) / self.temperature, dim=-1)
        if self.top_k > 0 or self.top_p < 1:
            falling, ids = self._falling(kept)
            kept = torch.zeros_like(kept).scatter(-1, ids, self._cut(falling))
        if self.min_p > 0:
            kept = kept.where(kept >= self.min_p * kept.amax(-1, keepdim=True), 0.0)
        return kept / kept.sum(-1, keepdim=True)

    def _falling(self, kept: Float[Tensor, "B V"]) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B N"]]:
        """The probabilities that top-k leaves, highest first, of equal ones the lowest id first; and their ids."""
        if self.top_k > 0:
            values, ids = best_tokens(kept[:, None], self.top_k)
            return values[:, 0], ids[:, 0]
        falling, ids = kept.sort(dim=-1, descending=True, stable=True)
        return falling, ids

    def _cut(self, falling: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
        """The same without those that top-p leaves out of them."""
        if self.top_p == 1:
            return falling
        falling = falling / falling.sum(-1, keepdim=True)
        inside = falling.cumsum(-1) - falling < self.top_p  # before them less than top-p has been gathered
        inside[:, 0] = True
        return falling.where(inside, 0.0)

    def uniform(self, places: Sequence[tuple[int, int]], steps: int) -> Float[Tensor, "B T"]:
        """Uniform numbers by (place of the sentence in the input, number of the draw), the same in every batch."""
        generators = (np.random.Generator(np.random.PCG64([self.seed, *place])) for place in places)
        return torch.from_numpy(np.stack([generator.random(steps) for generator in generators]))


def drawn(probabilities: Float[Tensor, "B V"], uniform: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
    """The token at which the sum of probabilities passes the uniform number; never one of probability 0."""
    reached = probabilities.double().cumsum(-1)
    target = uniform.unsqueeze(-1) * reached[:, -1:]
    return (reached <= target).sum(-1).clamp(max=probabilities.shape[-1] - 1)


@dataclass(frozen=True)
class Draw:
    """Draws the next token of each output by its own uniform number, one for each token of the output."""

    sampling: Sampling
    uniform: Float[Tensor, "B T"]

    def __call__(self, partial: PartialOutputs, scores: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
        step = partial.lengths.clamp(max=self.uniform.size(1) - 1)  # finished outputs draw on to no effect
        return drawn(self.sampling.probabilities(scores), self.uniform.gather(1, step.unsqueeze(1)).squeeze(1))

    def select(self, rows: Int[Tensor, " R"]) -> "Draw":
        return Draw(self.sampling, self.uniform[rows])

    def join(self, other: Choice) -> "Draw":
        assert isinstance(other, Draw)
        steps = max(self.uniform.size(-1), other.uniform.size(-1))
        return Draw(
            self.sampling, torch.cat([pad(each.uniform, (0, steps - each.uniform.size(-1))) for each in (self, other)])
        )


def begin(
    partial: PartialOutputs, sampling: Sampling, draws: int, places: Sequence[int], alpha: float, end: int
) -> OneOutput:
    """`draws` outputs of each sentence, each a row of its own. `places` are those of the sentences in the input."""
    rows = torch.arange(len(places), device=partial.limits.device).repeat_interleave(draws)
    each = [(place, draw) for place in places for draw in range(draws)]
    uniform = sampling.uniform(each, int(partial.limits.max())).to(partial.limits.device)
    return one_output(partial.select(rows), Draw(sampling, uniform), alpha, end)
