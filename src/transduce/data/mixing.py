"""How often an epoch has each row: corpora with weights.

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
    """A corpus: so many rows of the store, after those of the corpora before it, and its weight."""

    rows: int
    weight: float


class WeightedRows:
    """Which rows of the store each epoch has.

    A row of a corpus with weight w is in every epoch floor(w) times, and once more in a share w - floor(w) of the
    epochs: chance puts the rows of a corpus in a circle, and each epoch takes up where the one before left off. So an
    epoch is a function of (seed, epoch) alone, and after n epochs each row has been seen n * w times, give or take one.
    """

    def __init__(self, shares: Sequence[Share], seed: int) -> None:
        self._shares, self._seed = list(shares), seed
        rows = sum(math.floor(share.rows * share.weight) for share in self._shares)
        if not self.plain and rows < 1:
            raise ValueError("the weights leave epochs without a single row: raise data.train weight")
        if not self.plain and rows > MOST_ROWS:
            raise ValueError(
                f"the weights make epochs of {rows:,} rows, at most {MOST_ROWS:,} are held in memory: lower data.train weight"
            )

    @property
    def plain(self) -> bool:
        """Whether an epoch has every row once."""
        return all(share.weight == 1 for share in self._shares)

    def of(self, epoch: int) -> Rows:
        """The rows of an epoch, those with a weight of 2 twice: ordered by corpus, not yet shuffled."""
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
        """The rows of each corpus, counted from 0, in an order that only the seed decides; empty where none is needed."""
        circles = []
        for place, share in enumerate(self._shares):
            count = share.rows if share.weight % 1 else 0
            generator = np.random.PCG64(np.random.SeedSequence([self._seed, place, 1]))
            circles.append(np.argsort(generator.random_raw(count), kind="stable"))
        return circles
