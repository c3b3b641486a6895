"""The files of a corpus, their format, and the places of the task's columns in them."""

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transduce.data.columns import Column, Label, Text
from transduce.data.config import Columns, Corpus
from transduce.data.formats.compression import unpacked_name

EXTENSIONS = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


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


def format_of(corpus: Corpus, columns: Mapping[str, Column]) -> str:
    """The format of a corpus: "aligned", or the extension of its one file without ".gz" and ".zst".

    ValueError for an unknown extension, and for a corpus that does not suit the columns of the task.
    """
    if corpus.file is None:
        _require_columns(corpus.files, columns)
        if corpus.records != "lines":
            raise ValueError(f'records = "{corpus.records}" is for a .txt file; aligned files have one record per line')
        return "aligned"
    if corpus.columns is not None:
        _require_columns(corpus.columns.names, columns, all_of_them=False)
    extension = ".txt" if corpus.records == "file" else unpacked_name(corpus.file).suffix.lower()
    if extension not in EXTENSIONS:
        raise ValueError(
            f"{corpus.file}: unknown extension {extension!r}; one file with all columns must end in {', '.join(EXTENSIONS)}, "
            f"followed by .gz or .zst if it is compressed (the keys of aligned text files are {' and '.join(columns)})"
        )
    if corpus.columns is not None and extension in (".tsv", ".txt"):
        raise ValueError(
            f"{corpus.file}: columns is for files with column names, but a {extension} file has none; leave it out"
        )
    if extension == ".txt" and len(columns) > 1:
        raise ValueError(
            f"{corpus.file}: a .txt file has one column, but the task has {' and '.join(columns)}; give a file with all "
            "of them, or one text file for each"
        )
    if corpus.records != "lines" and extension != ".txt":
        raise ValueError(f'{corpus.file}: records = "{corpus.records}" is for a .txt file; leave it out')
    return extension


def _require_columns(names: Mapping[str, object], columns: Mapping[str, Column], all_of_them: bool = True) -> None:
    """ValueError for names that are not columns of the task and, with `all_of_them`, for missing columns."""
    expected = " and ".join(columns)
    for name in names:
        if name not in columns:
            raise ValueError(f"{name!r} is not a column of the task, which has {expected}")
    if all_of_them and len(names) < len(columns):
        raise ValueError(f"needs a file for each of {expected}, or file; found only {' and '.join(names)}")


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
