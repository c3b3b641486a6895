"""What the [data] table of a run file may say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from transduce.config import Fact, Rest
from transduce.data.cleaning.rules import Clean
from transduce.text.tags import names_in

MOST_WEIGHT = 1_000.0
MOST_LINE_BYTES = 1_000_000_000
MOST_ROW_LINES = 1_000_000


@dataclass(frozen=True)
class Columns:
    """Where a .csv or .jsonl file has what: the names of its columns or keys."""

    names: Annotated[
        Mapping[str, str], "name that this column of the task has in the file; by default its own", Rest("columns")
    ] = field(default_factory=dict)
    tag: Annotated[
        str | None, 'column of the tags, parted by spaces; by default "tag" if there is one; "" for none'
    ] = None
    group: Annotated[str | None, 'column of the groups; by default "group" if there is one; "" for none'] = None

    def __post_init__(self) -> None:
        for column, name in self.names.items():
            if not name:
                raise ValueError(f"{column} must name a column, found an empty name")
            for other in self.names:
                if other != column and self.names[other] == name:
                    raise ValueError(f"{column} and {other} both name the column {name!r}; give two columns")


@dataclass(frozen=True)
class Corpus:
    """Records, as one file (CSV, TSV, JSON Lines or text, known by its extension) or as aligned text files, one for each
    column of the task.

    Every file may be compressed: `.gz` or `.zst` after its extension.
    """

    file: Annotated[Path | None, "one .csv, .tsv, .jsonl or .txt file with all columns"] = None
    files: Annotated[
        Mapping[str, Path],
        "text file of this column, one value per line; line N of all files belongs together",
        Rest("columns"),
    ] = field(default_factory=dict)
    group: Annotated[Path | None, "text file, one group name per line, beside the files of the columns"] = None
    columns: Annotated[Columns | None, "names of the columns of a .csv, or keys of a .jsonl"] = None
    records: Annotated[
        Literal["lines", "paragraphs", "file"],
        "what a record of a .txt file is: a line, lines between blank lines, or the whole file; with the last, file may "
        "be a folder or a pattern such as texts/*.txt",
    ] = "lines"
    tag: Annotated[str | None, "tags of all its records, parted by spaces: special tokens before each"] = None
    weight: Annotated[
        float, "how often an epoch has each of its records; 0.5: half of them, others in the next epoch"
    ] = 1.0

    def __post_init__(self) -> None:
        if self.file is not None and (self.files or self.group is not None):
            named = " and ".join(self.files) or "group"
            raise ValueError(f"give either file, or {named}, not both: file already holds all columns and groups")
        if self.file is None and not self.files:
            raise ValueError("needs file, or a file for each column; found none of them")
        if self.columns is not None and self.file is None:
            raise ValueError("columns names the columns of a file; aligned files have none")
        if self.tag is not None:
            _check_tag(self.tag)
        if not 0 < self.weight <= MOST_WEIGHT:
            advice = "; to train without a corpus, take it off the list" if not self.weight > 0 else ""
            raise ValueError(f"weight must be more than 0 and at most {MOST_WEIGHT:g}, found {self.weight:g}{advice}")

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all its records."""
        return names_in(self.tag or "")

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file as it is named: (file,), or the files of the columns and, last, that of the groups."""
        return tuple(path for path in (self.file, *self.files.values(), self.group) if path is not None)

    def resolved(self, base: Path) -> "Corpus":
        """The same corpus with relative paths taken from the folder `base`."""
        return replace(
            self,
            file=self.file and base / self.file,
            files={column: base / path for column, path in self.files.items()},
            group=self.group and base / self.group,
        )


def _check_tag(text: str) -> None:
    try:
        if not names_in(text):
            raise ValueError("it names none; leave it out for none")
    except ValueError as error:
        raise ValueError(f"tag = {text!r} cannot be used: {error}") from None


@dataclass(frozen=True)
class Split:
    """Held-out parts taken from the training files; see data/split.py for the exact rule."""

    dev: Annotated[int, "distinct keys (sources, texts) to hold out for validation"] = 0
    test: Annotated[int, "distinct keys (sources, texts) to hold out for the final test"] = 0
    by: Annotated[
        Literal["key", "group"], "what stays together: records with one key (source, text), or records of one group"
    ] = "key"

    def __post_init__(self) -> None:
        for name, count in (("dev", self.dev), ("test", self.test)):
            if count < 0:
                raise ValueError(f"{name} must not be negative, found {count}")
        if self.dev == 0 and self.test == 0:
            raise ValueError("dev or test must be at least 1; leave split out to hold nothing out")


@dataclass(frozen=True)
class DataConfig:
    """Where the records are and which of them are used."""

    train: Annotated[tuple[Corpus, ...], "the files to train on"]
    dev: Annotated[Corpus | None, "records to validate on; or use split", Fact(measure=True)] = None
    test: Annotated[Corpus | None, "records for the final test; or use split", Fact(measure=True)] = None
    split: Annotated[Split | None, "hold out part of the training files as dev, test or both", Fact(measure=True)] = (
        None
    )
    clean: Annotated[Clean, "which records are worth training on"] = Clean()
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
