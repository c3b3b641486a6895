"""Sampling: draws the next token by its probability, from a distribution that temperature sharpens and cuts shorten.

Letters: B outputs, V vocabulary, N tokens after the cuts, T most steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from transduce import config
from transduce.config import Fact
from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.scores import best_tokens
from transduce.decoding.strategies.greedy import Choice, OneOutput, one_output


@dataclass(frozen=True)
class Sampling:
    """Draws the next token. The cuts apply one after the other, each to the tokens that remain."""

    temperature: Annotated[
        float,
        "divides the logits first: below 1 is bolder, above 1 more varied",
        Fact(above=0, at_most=1_000_000),
    ] = 1.0
    top_k: Annotated[int, "only the k most probable tokens; 0: all (Fan et al. 2018, 1805.04833)", Fact(at_least=0)] = 0
    top_p: Annotated[
        float,
        "the fewest tokens that together have this probability (Holtzman et al. 2019, 1904.09751)",
        Fact(above=0, at_most=1),
    ] = 1.0
    min_p: Annotated[
        float,
        "tokens with this share of the best one's probability (Nguyen et al. 2024, 2407.01082)",
        Fact(at_least=0, at_most=1),
    ] = 0.0
    seed: Annotated[
        int, "of the draws; a sentence's draws depend on it and on its place in the input only", Fact(at_least=0)
    ] = 1

    def __post_init__(self) -> None:
        if self.temperature == 0:  # the usual wish for the best token
            raise ValueError("temperature must be above 0, found 0.0; for the best token use beam 1")
        config.check(self)

    def probabilities(self, log_probs: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """The distribution of the draw, after temperature and cuts; it sums to 1. The most probable token always stays."""
        best = log_probs.amax(-1, keepdim=True)  # subtracted, as a tiny temperature would make all of them infinite
        probabilities = torch.softmax((log_probs - best) / self.temperature, dim=-1)
        if self.top_k > 0 or self.top_p < 1:
            falling, ids = self._top_k(probabilities)
            probabilities = torch.zeros_like(probabilities).scatter(-1, ids, self._top_p(falling))
        if self.min_p > 0:
            least = self.min_p * probabilities.amax(-1, keepdim=True)
            probabilities = probabilities.where(probabilities >= least, 0.0)
        return probabilities / probabilities.sum(-1, keepdim=True)

    def _top_k(self, probabilities: Float[Tensor, "B V"]) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B N"]]:
        """The k highest probabilities (0: all), highest first, the lowest id first in a tie; and their ids."""
        if self.top_k > 0:
            values, ids = best_tokens(probabilities[:, None], self.top_k)
            return values[:, 0], ids[:, 0]
        falling, ids = probabilities.sort(dim=-1, descending=True, stable=True)
        return falling, ids

    def _top_p(self, falling: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
        """The same with zeros outside of top-p."""
        if self.top_p == 1:
            return falling
        falling = falling / falling.sum(-1, keepdim=True)
        inside = falling.cumsum(-1) - falling < self.top_p  # the tokens before have less than top-p
        inside[:, 0] = True
        return falling.where(inside, 0.0)

    def uniform(self, places: Sequence[tuple[int, int]], steps: int) -> Float[Tensor, "B T"]:
        """Uniform numbers by (place of the sentence in the input, number of the draw), the same in every batch."""
        generators = (np.random.Generator(np.random.PCG64([self.seed, *place])) for place in places)
        return torch.from_numpy(np.stack([generator.random(steps) for generator in generators]))


def tokens_at(probabilities: Float[Tensor, "B V"], uniform: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
    """The token at which the sum of probabilities passes the uniform number; never one of probability 0."""
    sums = probabilities.double().cumsum(-1)
    target = uniform.unsqueeze(-1) * sums[:, -1:]
    return (sums <= target).sum(-1).clamp(max=probabilities.shape[-1] - 1)


@dataclass(frozen=True)
class Draw:
    """Draws the next token of each output by its own uniform number, one for each token of the output."""

    sampling: Sampling
    uniform: Float[Tensor, "B T"]

    def __call__(self, partial: PartialOutputs, scores: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
        step = partial.lengths.clamp(max=self.uniform.size(1) - 1)  # finished outputs draw without effect
        return tokens_at(self.sampling.probabilities(scores), self.uniform.gather(1, step.unsqueeze(1)).squeeze(1))

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
