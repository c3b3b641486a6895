"""The [data] table of a run file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from transduce import config
from transduce.config import Fact, Rest
from transduce.data.cleaning.rules import Clean
from transduce.text.tags import names_in

SplitBy = Literal["key", "group", "time"]
MOST_WEIGHT = 1_000.0
MOST_LINE_BYTES = 1_000_000_000
MOST_ROW_LINES = 1_000_000


@dataclass(frozen=True)
class Columns:
    """The names of the task's columns in a .csv file, or their keys in a .jsonl file."""

    names: Annotated[
        Mapping[str, str], "name of this column of the task in the file; by default its own", Rest("columns")
    ] = field(default_factory=dict)
    tag: Annotated[
        str | None, 'column of the tags, separated by spaces; by default "tag" if there is one; "" for none'
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

    file: Annotated[
        Path | None,
        "one .csv, .tsv, .jsonl or .txt file with all columns; a folder of pictures with a folder for each class",
    ] = None
    files: Annotated[
        Mapping[str, Path],
        "text file of this column, one value per line, or an IDX file; line or item N of every file is one record",
        Rest("columns"),
    ] = field(default_factory=dict)
    group: Annotated[Path | None, "text file, one group name per line, beside the files of the columns"] = None
    columns: Annotated[Columns | None, "names of the columns of a .csv, or keys of a .jsonl"] = None
    records: Annotated[
        Literal["lines", "paragraphs", "file"],
        'a record of a .txt file: a line, the lines between blank lines, or the whole file; with "file", the path may '
        "be a folder or a pattern such as texts/*.txt",
    ] = "lines"
    tag: Annotated[str | None, "tags of all its records, separated by spaces: special tokens before each"] = None
    weight: Annotated[
        float,
        "times that an epoch has each of its records; 0.5: half of them, others in the next epoch",
        Fact(above=0, at_most=MOST_WEIGHT),
    ] = 1.0

    def __post_init__(self) -> None:
        config.check(self)
        if self.file is not None and (self.files or self.group is not None):
            names = " and ".join(self.files) or "group"
            raise ValueError(f"give either file or {names}, not both: file already has all columns and groups")
        if self.file is None and not self.files:
            raise ValueError("needs file, or a file for each column; found neither")
        if self.columns is not None and self.file is None:
            raise ValueError("columns needs file: aligned files have no column names; leave columns out")
        if self.tag is not None:
            _check_tag(self.tag)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all its records."""
        return names_in(self.tag or "")

    def resolved(self, base: Path) -> "Corpus":
        """The same corpus with relative paths resolved against the folder `base`."""
        return replace(
            self,
            file=self.file and base / self.file,
            files={column: base / path for column, path in self.files.items()},
            group=self.group and base / self.group,
        )


def _check_tag(text: str) -> None:
    try:
        if not names_in(text):
            raise ValueError("it has no tags; leave it out")
    except ValueError as error:
        raise ValueError(f"tag = {text!r} cannot be used: {error}") from None


@dataclass(frozen=True)
class Split:
    """Parts held out of the training files; data/split.py has the exact rule."""

    dev: Annotated[
        int, "distinct keys (sources, texts), or windows of each series, to hold out for validation", Fact(at_least=0)
    ] = 0
    test: Annotated[
        int,
        "distinct keys (sources, texts), or windows of each series, to hold out for the final test",
        Fact(at_least=0),
    ] = 0
    by: Annotated[
        SplitBy,
        "keep together the records with one key (source, text), or the records of one group; time: hold out the last windows "
        "of each series",
    ] = "key"

    def __post_init__(self) -> None:
        config.check(self)
        if self.dev == 0 and self.test == 0:
            raise ValueError("dev or test must be at least 1; leave split out to hold nothing out")


@dataclass(frozen=True)
class DataConfig:
    """The files of records, and the records to use."""

    train: Annotated[tuple[Corpus, ...], "the files to train on"]
    dev: Annotated[Corpus | None, "records to validate on; or use split", Fact(measure=True)] = None
    test: Annotated[Corpus | None, "records for the final test; or use split", Fact(measure=True)] = None
    split: Annotated[Split | None, "hold out part of the training files as dev, test or both", Fact(measure=True)] = (
        None
    )
    clean: Annotated[Clean, "rules that leave out records"] = Clean()
    bad_lines: Annotated[
        Literal["error", "drop"],
        "stop at a line that cannot be read, or drop and count it (a .csv row without an end always stops)",
    ] = "error"
    max_line_bytes: Annotated[
        int, "bytes; a longer line counts as unreadable", Fact(at_least=1, at_most=MOST_LINE_BYTES)
    ] = 1_000_000
    max_row_lines: Annotated[
        int, "lines; a longer .csv row counts as one without an end", Fact(at_least=1, at_most=MOST_ROW_LINES)
    ] = 100

    def __post_init__(self) -> None:
        if not self.train:
            raise ValueError("train needs at least one corpus, found none")
        config.check(self)
        for part, corpus in (("dev", self.dev), ("test", self.test)):
            if corpus is not None and corpus.weight != 1:
                raise ValueError(f"{part} has a weight, but only a corpus in train can have one; leave it out")
            if self.split is not None and getattr(self.split, part) and corpus is not None:
                raise ValueError(f"{part} is set twice: by its own files and by split.{part}; keep one of them")
