"""The files of a corpus, their format, and the places of the task's columns in them."""

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transduce.data.columns import Column, Label, Text
from transduce.data.config import Columns, Corpus


@dataclass(frozen=True)
class Layout:
    """Facts that a format needs to read a file.

    names: column of the task -> its name in the file, in the task's order.
    multiline: columns that keep their line breaks.
    numbers: columns in which a .jsonl file may have numbers and true or false instead of strings.
    without: a column that the reader does not need; a .tsv file may have it.
    tag, group: names of those columns; None for the usual name if the file has it, "" for none.
    """

    names: Mapping[str, str]
    multiline: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    without: str | None = None
    tag: str | None = None
    group: str | None = None
    records: Literal["lines", "paragraphs", "file"] = "lines"

    @property
    def naming(self) -> str:
        """How a user gives the names that the columns have in a file."""
        table = ", ".join(f'{name} = "..."' for name in self.names)
        option = ",".join(f"{name}=..." for name in self.names)
        return f"in a run file by columns = {{ {table} }}, for evaluate and predict by --columns {option}"


def layout_of(corpus: Corpus, columns: Mapping[str, Column], without: str | None = None) -> Layout:
    settings = corpus.columns or Columns()
    return Layout(
        names={name: settings.names.get(name, name) for name in columns if name != without},
        multiline=frozenset(name for name, column in columns.items() if isinstance(column, Text) and column.multiline),
        numbers=frozenset(name for name, column in columns.items() if isinstance(column, Label)),
        without=without,
        tag=settings.tag,
        group=settings.group,
        records=corpus.records,
    )


def corpus_files(corpus: Corpus, columns: Mapping[str, Column]) -> tuple[Path, ...]:
    """The files of a corpus in the order of the task's columns, or the files in its folder or of its pattern.

    A folder stands for all files in it and below, sorted by name, without hidden ones (".name"). ValueError for no files.
    """
    if corpus.file is None:
        return (*(corpus.files[name] for name in columns), *([corpus.group] if corpus.group is not None else []))
    path = corpus.file
    if corpus.records != "file" or path.is_file():
        return (path,)
    if path.is_dir():
        below = [each for each in path.rglob("*") if not any(part[:1] == "." for part in each.relative_to(path).parts)]
    elif glob.has_magic(str(path)):
        below = [Path(name) for name in glob.glob(str(path), recursive=True)]
    else:
        return (path,)
    files = sorted(each for each in below if each.is_file())
    if not files:
        raise ValueError(f"{path}: no file {'is in this folder' if path.is_dir() else 'matches this pattern'}")
    return tuple(files)
