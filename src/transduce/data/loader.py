"""Rows of a store in an order that depends on (seed, epoch, position) only, from any position on."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from transduce.data.batching import Indices, epoch_plan
from transduce.data.mixing import Share, WeightedRows
from transduce.data.store import Row, TokenStore

END_TOKEN = 1  # the budget counts an end token on both sides; the store holds none


class Rows(NamedTuple):
    """One batch, not padded: the rows at `indices`. To go on after it, start from (epoch, position + 1)."""

    epoch: int
    position: int
    source: list[Row]
    target: list[Row]
    indices: Indices


class Loader:
    """Batches of a store's rows by token budget, epoch after epoch.

    `batch_tokens` counts padded target tokens, end token included. `shares` says how the store's rows fall to corpora
    with weights; without it every epoch has every row once. ValueError if the store is empty.
    """

    def __init__(self, store: TokenStore, batch_tokens: int, seed: int, shares: Sequence[Share] = ()) -> None:
        if len(store) == 0:
            raise ValueError(f"{store.path}: holds no rows to load")
        assert not shares or sum(share.rows for share in shares) == len(store), "shares of another store"
        self._weighted = WeightedRows(shares, seed)
        self.store, self.batch_tokens, self.seed = store, batch_tokens, seed
        self.source_lengths = store.lengths("source") + np.int32(END_TOKEN)
        self.target_lengths = store.lengths("target") + np.int32(END_TOKEN)

    def plan(self, epoch: int) -> list[Indices]:
        """The batches of an epoch as row indices. Their number differs a little from epoch to epoch."""
        if self._weighted.plain:
            return epoch_plan(self.source_lengths, self.target_lengths, self.batch_tokens, self.seed, epoch)
        rows = self._weighted.of(epoch)
        source, target = self.source_lengths[rows], self.target_lengths[rows]
        return [rows[batch] for batch in epoch_plan(source, target, self.batch_tokens, self.seed, epoch)]

    def from_position(self, epoch: int, position: int) -> Iterator[Rows]:
        """Batches from the one at `position` (0 = first) of `epoch` on, without end.

        A position just past an epoch's last batch is the start of the next. ValueError if there is no such position:
        then the data, the budget or the seed are not those that it was counted with.
        """
        plan = self.plan(epoch)
        if not 0 <= position <= len(plan):
            raise ValueError(f"epoch {epoch} has {len(plan)} batches, so there is no position {position} to go on from")
        while True:
            for place in range(position, len(plan)):
                indices = plan[place]
                yield Rows(
                    epoch, place, self.store.rows("source", indices), self.store.rows("target", indices), indices
                )
            epoch, position = epoch + 1, 0
            plan = self.plan(epoch)
