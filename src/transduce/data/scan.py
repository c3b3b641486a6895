"""Scan of the files that a run names: line counts, hashes, and records."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from transduce.data.columns import Column
from transduce.data.config import Corpus, DataConfig
from transduce.data.findings import Findings
from transduce.data.formats import idx, json_lines, picture_folder
from transduce.data.formats.layout import corpus_files, layout_of
from transduce.data.formats.lines import FileFacts, LineRules, facts, require_equal_lines
from transduce.data.formats.read import read_records
from transduce.data.formats.table import OBJECTS, format_of
from transduce.data.named_files import named_files
from transduce.data.picture_column import picture_columns
from transduce.data.records import Record, RecordType
from transduce.terminal import ProgressBar, progress_bar

BLOCK = 1000  # records that a progress bar counts at once


@dataclass(frozen=True)
class Origin:
    """The files of train, dev or test in a run, and the rules for reading them.

    `facts[i]` has an entry for each file of `corpora[i]`, and one for the files that its records name, if any.
    """

    name: str
    task: RecordType
    corpora: tuple[Corpus, ...]
    facts: tuple[tuple[FileFacts, ...], ...]
    rules: LineRules

    @property
    def counts(self) -> tuple[int, ...]:
        """An upper bound of the records of each corpus: lines of one column without the header, items, or files."""
        return tuple(
            len(files)
            if corpus.records == "file"
            else files[0].lines - (format_of(corpus, self.task.columns) == ".csv")
            for corpus, files in zip(self.corpora, self.facts, strict=True)
        )

    @property
    def lines(self) -> int:
        """The sum of `counts`."""
        return sum(self.counts)

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """Every file, in the order of the run file."""
        return tuple(chain.from_iterable(self.facts))

    def content(self) -> list[dict[str, Any]]:
        """The facts that determine the records: formats, hashes, columns and tags. Paths do not: moved files are the same
        data. Weights do not: they belong to the loader. Records of pictures hold the absolute names of the files, so there
        the paths count too.
        """
        columns = self.task.columns
        return [
            {
                "format": format_of(corpus, columns),
                "sha256": [file.sha256 for file in files],
                "names": dict(layout_of(corpus, columns).names),
                "tag": corpus.columns and corpus.columns.tag,
                "group": corpus.columns and corpus.columns.group,
                "records": corpus.records,
                "tags": list(corpus.tags),
            }
            | ({"paths": [str(file.path.resolve()) for file in files]} if picture_columns(columns) else {})
            for corpus, files in zip(self.corpora, self.facts, strict=True)
        ]

    def read(self, title: str, findings: Findings) -> Iterator[Record]:
        """All usable records in order, with a progress bar; `findings` counts what is left out or changed."""
        return chain.from_iterable(self.read_corpora(title, findings))

    def read_corpora(self, title: str, findings: Findings) -> Iterator[Iterator[Record]]:
        """The same, corpus by corpus."""
        with progress_bar(self.task.unit, self.lines, f"{title} {self.name}") as bar:
            for corpus in self.corpora:
                yield _counted(read_records(corpus, self.task.columns, self.rules, findings), bar)


def _counted(records: Iterator[Record], bar: ProgressBar) -> Iterator[Record]:
    """Yields the records and updates the bar block by block."""
    number = 0
    for number, record in enumerate(records, 1):
        yield record
        if number % BLOCK == 0:
            bar.update(BLOCK)
    bar.update(number % BLOCK)


def find_origins(task: RecordType, data: DataConfig, base: Path) -> dict[str, Origin]:
    """The origins by name: train, and dev and test if they have files. Counts the lines and hashes every file.

    ValueError for a file that is missing, empty, not text or of unknown format, for a JSON array, and for aligned files with
    different numbers of lines.
    """
    settings = {"train": data.train, "dev": (data.dev,), "test": (data.test,)}
    corpora = [(name, each.resolved(base)) for name, own in settings.items() for each in own if each is not None]
    files = [(name, corpus, _files(name, corpus, task.columns)) for name, corpus in corpora]
    may_be_empty = {path for _, corpus, paths in files if corpus.records == "file" for path in paths}
    facts_of = _all_facts(dict.fromkeys(path for _, _, paths in files for path in paths), may_be_empty)
    for _, corpus, paths in files:
        if corpus.file is None:
            require_equal_lines([facts_of[path] for path in paths])
        elif format_of(corpus, task.columns) in OBJECTS:
            json_lines.refuse_array(corpus.file)  # before its one line is too few
    rules = LineRules(data.bad_lines, data.max_line_bytes, data.max_row_lines)
    named = [named_files(corpus, task.columns, rules) for _, corpus, _ in files]
    origins = {}
    for name in dict(corpora):
        own_facts = tuple(
            (*(facts_of[path] for path in paths), *([pictures] if pictures is not None else []))
            for (origin, _, paths), pictures in zip(files, named, strict=True)
            if origin == name
        )
        own_corpora = tuple(corpus for origin, corpus in corpora if origin == name)
        origins[name] = Origin(name, task, own_corpora, own_facts, rules)
    return origins


def _files(name: str, corpus: Corpus, columns: Mapping[str, Column]) -> tuple[Path, ...]:
    """The files of a corpus. ValueError if they do not suit the columns of the task, or one is missing."""
    try:
        format_of(corpus, columns)
        paths = corpus_files(corpus, columns)
    except ValueError as error:
        raise ValueError(f"data.{name}: {error}") from None
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path}: no such file; data.{name} names it, relative to the folder of the run file")
    return paths


def _all_facts(paths: Iterable[Path], may_be_empty: set[Path]) -> dict[Path, FileFacts]:
    paths = list(paths)
    size = sum(path.stat().st_size for path in paths if path.is_file())
    with progress_bar("B", size, "counting lines", scaled=True) as bar:
        return {path: _facts(path, bar, path in may_be_empty) for path in paths}


def _facts(path: Path, bar: ProgressBar, may_be_empty: bool) -> FileFacts:
    if path.is_dir():
        return picture_folder.facts(path)
    return idx.facts(path) if idx.is_idx(path) else facts(path, bar.update, empty=may_be_empty)
