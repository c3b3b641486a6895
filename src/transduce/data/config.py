"""What the [data] table of a run file may say."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from transduce.config import Fact
from transduce.data.cleaning.rules import Clean
from transduce.text.tags import names_in

MOST_WEIGHT = 1_000.0
MOST_LINE_BYTES = 1_000_000_000
MOST_ROW_LINES = 1_000_000


@dataclass(frozen=True)
class Columns:
    """Where a .csv or .jsonl file has what: the names of columns or keys."""

    source: Annotated[str, "column of the sources"] = "source"
    target: Annotated[str, "column of the targets"] = "target"
    tag: Annotated[
        str | None, 'column of the tags, parted by spaces; by default "tag" if there is one; "" for none'
    ] = None
    group: Annotated[str | None, 'column of the groups; by default "group" if there is one; "" for none'] = None

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name a column, found an empty name")
        if self.source == self.target:
            raise ValueError(f"source and target both name the column {self.source!r}; give two columns")


@dataclass(frozen=True)
class Corpus:
    """Pairs, as two aligned files or as one file that holds both sides (CSV, TSV or JSON Lines, known by its extension).

    Every file may be compressed: `.gz` or `.zst` after its extension.
    """

    source: Annotated[Path | None, "text file, one source per line; line N belongs to line N of target"] = None
    target: Annotated[Path | None, "text file, one target per line"] = None
    group: Annotated[Path | None, "text file, one group name per line, beside source and target"] = None
    file: Annotated[Path | None, "one .csv, .tsv or .jsonl file with both sides, instead of source and target"] = None
    columns: Annotated[Columns | None, "names of the columns of a .csv, or keys of a .jsonl"] = None
    tag: Annotated[str | None, "tags of all its pairs, parted by spaces: special tokens before each source"] = None
    weight: Annotated[
        float, "how often an epoch has each of its pairs; 0.5: half of them, others in the next epoch"
    ] = 1.0

    def __post_init__(self) -> None:
        aligned = (self.source, self.target, self.group)
        if self.file is not None and any(path is not None for path in aligned):
            named = "group" if self.source is None and self.target is None else "source and target"
            raise ValueError(f"give either file, or {named}, not both: file already holds both sides and groups")
        if self.file is None and (self.source is None or self.target is None):
            found = ", ".join(name for name in ("source", "target", "group") if getattr(self, name) is not None)
            raise ValueError(f"needs source and target, or file; found {f'only {found}' if found else 'none of them'}")
        if self.columns is not None and self.file is None:
            raise ValueError("columns names the columns of a file; aligned files, source and target, have none")
        if self.tag is not None:
            _check_tag(self.tag)
        if not 0 < self.weight <= MOST_WEIGHT:
            advice = "; to train without a corpus, take it off the list" if not self.weight > 0 else ""
            raise ValueError(f"weight must be more than 0 and at most {MOST_WEIGHT:g}, found {self.weight:g}{advice}")

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all its pairs."""
        return names_in(self.tag or "")

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file of this corpus: (file,), (source, target) or (source, target, group)."""
        return tuple(path for path in (self.file, self.source, self.target, self.group) if path is not None)

    def resolved(self, base: Path) -> "Corpus":
        """The same corpus with relative paths taken from the folder `base`."""
        places = {name: getattr(self, name) for name in ("source", "target", "group", "file")}
        return replace(self, **{name: base / path for name, path in places.items() if path is not None})


def _check_tag(text: str) -> None:
    try:
        if not names_in(text):
            raise ValueError("it names none; leave it out for none")
    except ValueError as error:
        raise ValueError(f"tag = {text!r} cannot be used: {error}") from None


@dataclass(frozen=True)
class Split:
    """Held-out parts taken from the training files; see data/split.py for the exact rule."""

    dev: Annotated[int, "distinct sources to hold out for validation"] = 0
    test: Annotated[int, "distinct sources to hold out for the final test"] = 0
    by: Annotated[Literal["source", "group"], "what stays together: pairs with one source, or pairs of one group"] = (
        "source"
    )

    def __post_init__(self) -> None:
        for name, count in (("dev", self.dev), ("test", self.test)):
            if count < 0:
                raise ValueError(f"{name} must not be negative, found {count}")
        if self.dev == 0 and self.test == 0:
            raise ValueError("dev or test must be at least 1; leave split out to hold nothing out")


@dataclass(frozen=True)
class DataConfig:
    """Where the pairs are and which of them are used."""

    train: Annotated[tuple[Corpus, ...], "the files to train on"]
    dev: Annotated[Corpus | None, "pairs to validate on; or use split", Fact(measure=True)] = None
    test: Annotated[Corpus | None, "pairs for the final test; or use split", Fact(measure=True)] = None
    split: Annotated[Split | None, "hold out part of the training files as dev, test or both", Fact(measure=True)] = (
        None
    )
    clean: Annotated[Clean, "which pairs are worth training on"] = Clean()
    bad_lines: Annotated[
        Literal["error", "drop"],
        "what to do about a line that cannot be read: stop, or drop and count (a .csv row that has no end always stops)",
    ] = "error"
    max_line_bytes: Annotated[int, "bytes; a longer line counts as one that cannot be read"] = 1_000_000
    max_row_lines: Annotated[
        int, "lines; a .csv row that goes on over more of them is taken for one that has no end"
    ] = 100

    def __post_init__(self) -> None:
        if not self.train:
            raise ValueError("train needs at least one corpus, found none")
        if not 1 <= self.max_line_bytes <= MOST_LINE_BYTES:
            raise ValueError(f"max-line-bytes must be from 1 to {MOST_LINE_BYTES:,}, found {self.max_line_bytes}")
        if not 1 <= self.max_row_lines <= MOST_ROW_LINES:
            raise ValueError(f"max-row-lines must be from 1 to {MOST_ROW_LINES:,}, found {self.max_row_lines}")
        for part, corpus in (("dev", self.dev), ("test", self.test)):
            if corpus is not None and corpus.weight != 1:
                raise ValueError(f"{part} has a weight, which only a corpus in train can have; leave it out")
            if self.split is not None and getattr(self.split, part) and corpus is not None:
                raise ValueError(f"{part} is given twice: by its own files and by split.{part}; keep one of them")
