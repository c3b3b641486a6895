"""The files that a run names: counted, hashed, and read as records."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from transduce.data.columns import Column
from transduce.data.config import Corpus, DataConfig
from transduce.data.findings import Findings
from transduce.data.formats.layout import corpus_files, format_of, layout_of
from transduce.data.formats.lines import FileFacts, LineRules, facts, require_equal_lines
from transduce.data.formats.read import read_records
from transduce.data.records import Record, RecordType
from transduce.terminal import ProgressBar, progress_bar

BLOCK = 1000  # records that a progress bar counts at once


@dataclass(frozen=True)
class Origin:
    """The files that a run names as train, dev or test, and how to read them.

    `facts[i]` belongs to `corpora[i]` and has as many entries as that has files.
    """

    name: str
    task: RecordType
    corpora: tuple[Corpus, ...]
    facts: tuple[tuple[FileFacts, ...], ...]
    rules: LineRules

    @property
    def counts(self) -> tuple[int, ...]:
        """Of each corpus at least as many as there are records: the lines of one column, a header aside, or the files."""
        return tuple(map(self._count, self.corpora, self.facts))

    def _count(self, corpus: Corpus, files: tuple[FileFacts, ...]) -> int:
        if corpus.records == "file":
            return len(files)
        return files[0].lines - (format_of(corpus, self.task.columns) == ".csv")

    @property
    def lines(self) -> int:
        """The same of all corpora."""
        return sum(self.counts)

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """Every file, in the order it is named."""
        return tuple(chain.from_iterable(self.facts))

    def content(self) -> list[dict[str, Any]]:
        """What the records depend on: formats, hashes, columns and tags. Not on paths: moved files are the same data; nor
        on weights, which are the loader's.
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
    """The records, which the bar counts a block at a time."""
    number = 0
    for number, record in enumerate(records, 1):
        yield record
        if number % BLOCK == 0:
            bar.update(BLOCK)
    bar.update(number % BLOCK)


def find_origins(task: RecordType, data: DataConfig, base: Path) -> dict[str, Origin]:
    """Train, and dev and test where files are given for them, with every file counted and hashed.

    ValueError if a file is missing, empty, not text, of unknown format, or if aligned files have different numbers of
    lines.
    """
    given = {"train": data.train, "dev": (data.dev,) if data.dev else (), "test": (data.test,) if data.test else ()}
    resolved = {name: tuple(corpus.resolved(base) for corpus in corpora) for name, corpora in given.items() if corpora}
    files = {name: [_files(name, corpus, task.columns) for corpus in corpora] for name, corpora in resolved.items()}
    may_be_empty = {
        path
        for name, corpora in resolved.items()
        for corpus, paths in zip(corpora, files[name], strict=True)
        if corpus.records == "file"
        for path in paths
    }
    known = _all_facts(dict.fromkeys(chain.from_iterable(chain.from_iterable(files.values()))), may_be_empty)
    for name, corpora in resolved.items():
        for corpus, paths in zip(corpora, files[name], strict=True):
            if corpus.file is None:
                require_equal_lines([known[path] for path in paths])
    rules = LineRules(data.bad_lines, data.max_line_bytes, data.max_row_lines)
    return {
        name: Origin(name, task, corpora, tuple(tuple(known[path] for path in paths) for paths in files[name]), rules)
        for name, corpora in resolved.items()
    }


def _files(name: str, corpus: Corpus, columns: Mapping[str, Column]) -> tuple[Path, ...]:
    """The files of a corpus. ValueError where it does not suit the columns of the task, or one is missing."""
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
        return {path: facts(path, bar.update, empty=path in may_be_empty) for path in paths}
