"""Weights of corpora: the number of times that an epoch has each row.

Letters: N rows of the store, E rows of an epoch.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

MOST_ROWS = 1 << 28  # of an epoch: 2 GB of places
Rows = Int64[np.ndarray, " E"]


class Share(NamedTuple):
    """A corpus: its number of rows in the store, which follow those of the corpora before it, and its weight."""

    rows: int
    weight: float


class WeightedRows:
    """The rows of the store in each epoch.

    A row of a corpus with weight w is in every epoch floor(w) times, and once more in a share w - floor(w) of the
    epochs: a random order puts the rows of a corpus in a circle, and each epoch continues where the one before ends. So
    an epoch is a function of (seed, epoch) alone, and n epochs have each row n * w times, plus or minus one.
    """

    def __init__(self, shares: Sequence[Share], seed: int) -> None:
        self._shares, self._seed = list(shares), seed
        rows = sum(math.floor(share.rows * share.weight) for share in self._shares)
        if not self.plain and rows < 1:
            raise ValueError("the weights make empty epochs: raise weight in data.train")
        if not self.plain and rows > MOST_ROWS:
            raise ValueError(
                f"the weights make epochs of {rows:,} rows, at most {MOST_ROWS:,} are allowed: lower weight in data.train"
            )

    @property
    def plain(self) -> bool:
        """Whether an epoch has every row once."""
        return all(share.weight == 1 for share in self._shares)

    def of(self, epoch: int) -> Rows:
        """The rows of an epoch in the order of the corpora; those with a weight of 2 occur twice."""
        parts, start = [], 0
        for share, circle in zip(self._shares, self._circles, strict=True):
            whole, part = divmod(share.weight, 1)
            begin, end = (math.floor(turn * part * share.rows) for turn in (epoch, epoch + 1))
            parts += [np.arange(start, start + share.rows)] * int(whole)
            parts.append(start + circle[np.arange(begin, end) % max(1, share.rows)])
            start += share.rows
        return np.concatenate(parts)

    @cached_property
    def _circles(self) -> list[Int64[np.ndarray, " _"]]:
        """The rows of each corpus, counted from 0, in random order by the seed; empty for a whole weight."""
        circles = []
        for place, share in enumerate(self._shares):
            count = share.rows if share.weight % 1 else 0
            generator = np.random.PCG64(np.random.SeedSequence([self._seed, place, 1]))
            circles.append(np.argsort(generator.random_raw(count), kind="stable"))
        return circles
