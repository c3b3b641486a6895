"""A prepared folder: what `prepare` leaves and `train` reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from transduce.data.held_out import HeldOutText, read_held_out
from transduce.data.loader import Loader
from transduce.data.mixing import Share
from transduce.data.report import summary
from transduce.data.store import TokenStore
from transduce.text.pair import Tokenizers


@dataclass(frozen=True)
class Prepared:
    """A prepared folder. `report` is its report.json: pairs and tokens of each part, everything dropped or changed,
    the files.
    """

    folder: Path
    report: dict[str, Any]
    reused: bool = False

    @cached_property
    def train(self) -> TokenStore:
        """The pairs to train on: columns source and target. Source rows begin with the ids of their tags."""
        return TokenStore(self.folder / "train.arrow")

    @cached_property
    def dev(self) -> TokenStore | None:
        """The pairs to validate on, row N being line N of dev.jsonl; None if the run names none."""
        return TokenStore(self.folder / "dev.arrow") if "dev" in self.report["parts"] else None

    @cached_property
    def test(self) -> TokenStore | None:
        """The pairs for the final test, row N being line N of test.jsonl; None if the run names none."""
        return TokenStore(self.folder / "test.arrow") if "test" in self.report["parts"] else None

    @cached_property
    def tokenizers(self) -> Tokenizers:
        """Those of source and target."""
        return Tokenizers.load(self.folder, [entry.name for entry in self.folder.iterdir()])

    def loader(self, batch_tokens: int, seed: int, weights: Sequence[float] = ()) -> Loader:
        """Batches of the pairs to train on, epoch after epoch. `weights` are those of the corpora, by default all 1."""
        rows = self.report["corpora"] if weights else []
        return Loader(self.train, batch_tokens, seed, [Share(*share) for share in zip(rows, weights, strict=True)])

    def texts(self, part: Literal["dev", "test"]) -> list[HeldOutText]:
        """Each distinct source of a part (with its tags) with all its different targets, in the order of the files.

        >>> [(text.source, text.references) for text in prepared.texts("dev")]
        [('read', ['R IY D', 'R EH D']), ('house', ['HH AW S'])]
        """
        return read_held_out(self.folder / f"{part}.jsonl")

    def summary(self) -> list[str]:
        """The report as lines to print."""
        return [*summary(self.report), f"{self.folder}: {'there already' if self.reused else 'written'}"]
