"""Rows of a store in an order that depends on (seed, epoch, position) only, from any position on."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from transduce.data.batching import Costs, Indices, epoch_plan
from transduce.data.mixing import Share, WeightedRows
from transduce.data.records import counted
from transduce.data.store import Row, TokenStore


class Rows(NamedTuple):
    """One batch, not padded: of each column the rows at `indices`. The next batch is at (epoch, position + 1).

    training: whether it is to train on, so that a task may augment it.
    """

    epoch: int
    position: int
    columns: dict[str, list[Row]]
    indices: Indices
    training: bool = False

    def part(self, first: int, step: int) -> "Rows":
        """Every `step`-th row from `first` on: a micro-batch."""
        columns = {name: rows[first::step] for name, rows in self.columns.items()}
        return self._replace(columns=columns, indices=self.indices[first::step])


class Loader:
    """Batches of a store's rows by token budget, epoch after epoch.

    `costs` are the costs of each row in the budget `batch_tokens`. `shares` assigns the store's rows to corpora with
    weights; without it every epoch has every row once. ValueError for an empty store.
    """

    def __init__(
        self, store: TokenStore, costs: Costs, batch_tokens: int, seed: int, shares: Sequence[Share] = ()
    ) -> None:
        if len(store) == 0:
            raise ValueError(f"{store.path}: holds no rows to load")
        assert len(costs.main) == len(costs.other) == len(store), "costs of another store"
        assert not shares or sum(share.rows for share in shares) == len(store), "shares of another store"
        self._weighted = WeightedRows(shares, seed)
        self.store, self.costs, self.batch_tokens, self.seed = store, costs, batch_tokens, seed

    def plan(self, epoch: int) -> list[Indices]:
        """The batches of an epoch as row indices. Their number differs a little from epoch to epoch."""
        if self._weighted.plain:
            return epoch_plan(self.costs, self.batch_tokens, self.seed, epoch)
        rows = self._weighted.of(epoch)
        return [rows[batch] for batch in epoch_plan(self.costs.of(rows), self.batch_tokens, self.seed, epoch)]

    def from_position(self, epoch: int, position: int) -> Iterator[Rows]:
        """Batches from the one at `position` (0 = first) of `epoch` on, without end.

        A position just past an epoch's last batch is the start of the next. ValueError for a position out of range: the
        data, the budget or the seed differ from those of the position.
        """
        plan = self.plan(epoch)
        if not 0 <= position <= len(plan):
            raise ValueError(f"epoch {epoch} has {counted(len(plan), 'batch')}, so position {position} does not exist")
        while True:
            for place in range(position, len(plan)):
                indices = plan[place]
                columns = {column: self.store.rows(column, indices) for column in self.store.columns}
                yield Rows(epoch, place, columns, indices, training=True)
            epoch, position = epoch + 1, 0
            plan = self.plan(epoch)
