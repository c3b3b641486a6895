"""A prepared folder: the output of `prepare` and the input of `train`."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from transduce.data.batching import Costs
from transduce.data.loader import Loader
from transduce.data.mixing import Share
from transduce.data.processors import Processors
from transduce.data.records import Record, RecordType, read_held_out
from transduce.data.report import WIDTH, summary
from transduce.data.store import TokenStore


@dataclass(frozen=True)
class Prepared:
    """A prepared folder. `report` is its report.json: records, rows and tokens of each part, counts of dropped and
    changed records, the files.
    """

    folder: Path
    task: RecordType
    report: dict[str, Any]
    reused: bool = False

    @cached_property
    def train(self) -> TokenStore:
        """The rows to train on, with the columns of the task. Rows of the key column begin with the ids of their tags."""
        return TokenStore(self.folder / "train.arrow")

    @cached_property
    def dev(self) -> TokenStore | None:
        """The rows to validate on; None if the run names none."""
        return TokenStore(self.folder / "dev.arrow") if "dev" in self.report["parts"] else None

    @cached_property
    def test(self) -> TokenStore | None:
        """The rows for the final test; None if the run names none."""
        return TokenStore(self.folder / "test.arrow") if "test" in self.report["parts"] else None

    @cached_property
    def processors(self) -> Processors:
        """The processors of the task's columns."""
        return Processors.load(self.folder, self.task.columns)

    def loader(self, costs: Costs, batch_tokens: int, seed: int, weights: Sequence[float] = ()) -> Loader:
        """Batches of the rows to train on, epoch after epoch. `weights` are those of the corpora, by default all 1."""
        rows = self.report["corpora"] if weights else []
        shares = [Share(*share) for share in zip(rows, weights, strict=True)]
        return Loader(self.train, costs, batch_tokens, seed, shares)

    def records(self, part: Literal["dev", "test"]) -> list[Record]:
        """The held-out records, in the order of the files.

        >>> prepared.records("dev")[0].values
        {'source': 'house', 'target': 'HH AW S'}
        """
        return read_held_out(self.folder / f"{part}.jsonl")

    def summary(self) -> list[str]:
        """The report as lines to print, those of examples no wider than the terminal."""
        width = shutil.get_terminal_size((WIDTH, 24)).columns
        return [*summary(self.report, width), f"{self.folder}: {'there already' if self.reused else 'written'}"]
