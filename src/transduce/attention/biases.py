"""Biases: tensors that `attend` adds to the scores, from positions alone. Those that depend on queries are scores.

The last query is at the last key, as when earlier keys are cached. ALiBi is a position encoding (positions.py).

Letters: B batch, M batch axes, H heads, L queries, S keys.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.mask import DenseMask
from transduce.attention.ranges import above_zero, at_least


def distances(queries: int, keys: int, device: torch.device | str = "cpu") -> Int[Tensor, "L S"]:
    """Place of the key minus place of the query.

    >>> distances(2, 3).tolist()
    [[-1, 0, 1], [-2, -1, 0]]
    """
    return torch.arange(keys, device=device) - torch.arange(keys - queries, keys, device=device)[:, None]


def gaussian(centres: Float[Tensor, "*B L"], keys: int, deviation: float) -> Float[Tensor, "*B L S"]:
    """-(j - centre)^2 / (2 deviation^2): keys near each query's centre get more weight; rows still sum to 1.

    The local attention "local-p" of Luong et al. 2015 multiplies after the softmax instead (mechanisms/local.py).
    """
    above_zero("deviation", deviation)
    places = torch.arange(keys, device=centres.device, dtype=centres.dtype)
    return -((places - centres.unsqueeze(-1)) ** 2) / (2 * deviation**2)


class DistanceBias(nn.Module):
    """A learned bias that depends on the distance from query to key."""

    def at(self, distance: Int[Tensor, "*M L S"]) -> Float[Tensor, "*M H L S"]:
        """The bias at given distances: the position of the key minus that of the query."""
        raise NotImplementedError

    def forward(self, queries: int, keys: int) -> Float[Tensor, "1 H L S"]:
        """The bias of queries and keys that end at the same position."""
        return self.at(distances(queries, keys, next(self.parameters()).device)[None])


class T5Buckets(DistanceBias):
    """A learned bias for each bucket of distances and each head (Raffel et al. 2019, 1910.10683; scores unscaled there).

    Half of the buckets hold one distance each; the others grow by equal factors up to `most`, and the last one holds all
    larger distances. `causal`: later keys share the bucket of distance 0, and a mask hides them; otherwise each direction
    has half of the buckets. ValueError for fewer than 2 buckets of a direction, and for a `most` within the first half of them.
    """

    def __init__(self, heads: int, buckets: int = 32, most: int = 128, causal: bool = False) -> None:
        super().__init__()
        at_least("T5Buckets: buckets", buckets, 2 if causal else 4)
        self.buckets, self.most, self.causal = buckets, most, causal
        at_least("T5Buckets: most", most, self._one_direction() // 2 + 1)
        self.table = nn.Embedding(buckets, heads)

    def at(self, distance: Int[Tensor, "*M L S"]) -> Float[Tensor, "*M H L S"]:
        bias: Tensor = self.table(self.bucket(distance))
        return bias.movedim(-1, -3)

    def bucket(self, distance: Int[Tensor, "*B"]) -> Int[Tensor, "*B"]:
        count = self._one_direction()
        later = 0 if self.causal else (distance > 0) * count
        steps = (-distance).clamp(min=0) if self.causal else distance.abs()
        exact = count // 2
        growth = (steps.clamp(min=exact).float() / exact).log() / math.log(self.most / exact)
        far = (exact + (growth * (count - exact)).long()).clamp(max=count - 1)
        return later + torch.where(steps < exact, steps, far)

    def _one_direction(self) -> int:
        """The number of buckets."""
        return self.buckets if self.causal else self.buckets // 2


class LearnedBias(nn.Module):
    """One learned number for each head, query place and key place, up to `queries` and `keys`; begins at 0."""

    def __init__(self, heads: int, queries: int, keys: int) -> None:
        super().__init__()
        at_least("LearnedBias: queries", queries, 1)
        at_least("LearnedBias: keys", keys, 1)
        self.table = nn.Parameter(torch.zeros(1, heads, queries, keys))

    def forward(self, queries: int, keys: int) -> Float[Tensor, "1 H L S"]:
        if queries > self.table.shape[2] or keys > self.table.shape[3]:
            raise ValueError(
                f"the learned bias is for {self.table.shape[2]} queries and {self.table.shape[3]} keys, found {queries} "
                f"and {keys}: build it for the longest input"
            )
        return self.table[:, :, :queries, :keys]


class AdaptiveSpan(DistanceBias):
    """A learned span for each head: weights fall to 0 over `ramp` keys beyond it (Sukhbaatar et al. 2019, 1905.07799).

    The paper multiplies exp(score) by m = clamp((ramp + span - distance) / ramp, 0, 1); log m, added to the score, is the
    same. `span_loss` is the mean span, which training adds to the loss, times a small factor.
    """

    def __init__(self, heads: int, longest: int, ramp: int = 32) -> None:
        super().__init__()
        at_least("AdaptiveSpan: longest", longest, 1)
        at_least("AdaptiveSpan: ramp", ramp, 1)
        self.longest, self.ramp = longest, ramp
        self.share = nn.Parameter(torch.full((heads,), 0.5))  # of the longest span

    def spans(self) -> Float[Tensor, " H"]:
        return self.share.clamp(0, 1) * self.longest

    def at(self, distance: Int[Tensor, "*M L S"]) -> Float[Tensor, "*M H L S"]:
        # a finite floor: log 0 has no gradient, and a row must keep the key at distance 0
        return self._slope(distance).clamp(1e-30, 1).log()

    def reach(self, queries: int, keys: int) -> DenseMask:
        """The keys with m above 0. With this mask the weights beyond the ramp are exactly 0."""
        return DenseMask(self._slope(distances(queries, keys, self.share.device))[None] > 0)

    def _slope(self, distance: Int[Tensor, "*M L S"]) -> Float[Tensor, "*M H L S"]:
        """m before it is clamped."""
        return (self.ramp + self.spans()[:, None, None] - distance.abs().unsqueeze(-3)) / self.ramp

    def span_loss(self) -> Float[Tensor, ""]:
        return self.spans().mean()
