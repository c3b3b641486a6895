"""CSV with a header: examples from the rows of a file, by the rules of Python's csv module.

    en,de,lang
    one,eins,de
    "two, or so",zwei,de

The header names the columns, and a corpus's `columns` says which of them is what. Cells are parted by commas; by
semicolons or tabs where only that gives a header with the wanted columns (spreadsheets of some countries write those).
A quoted cell may span lines: each line break in it becomes one space.
"""

import csv
import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from transduce.data.config import Columns
from transduce.data.formats.lines import BadLine, LineRules, message, open_text, stream_lines
from transduce.data.records import Example, shortened, tags_of
from transduce.data.tally import Findings

DELIMITERS = ",;\t"
MOST_SHOWN = 300  # characters of the columns found, in messages
SEPARATOR = re.compile(r"sep=.", re.IGNORECASE)
Row = list[str]


@dataclass(frozen=True)
class _Places:
    """Which cell of a row is what, of how many. None: there is no such column."""

    source: int
    target: int
    group: int | None
    tag: int | None
    cells: int


def rows(path: Path, columns: Columns, rules: LineRules, findings: Findings) -> Iterator[Example | BadLine]:
    """The example of each row, or what is wrong with it.

    ValueError if the header lacks a column, and if a row has no end: then nothing tells where the next one begins.
    """
    # rows are limited by the rules, where they are put together; the module's own limit is one for all of Python
    csv.field_size_limit(max(csv.field_size_limit(), rules.max_line_bytes + 1))
    with open_text(path) as stream:
        found = stream_lines(stream, str(path), rules.max_line_bytes, findings)
        blank, head = _header(found)
        for number in range(1, blank + 1):
            findings.noted.add("blank line skipped", f"{path}:{number}")
        delimiter = _delimiter(head[0], columns) if head and isinstance(head[0], str) else DELIMITERS[0]
        records = _records(_Lines(chain(head, found), str(path), rules, blank), delimiter, findings)
        places = _places(next(records, None), path, columns)
        for record in records:
            yield record if isinstance(record, BadLine) else _example(*record, places, findings)


def _header(lines: Iterable[str | BadLine]) -> tuple[int, list[str | BadLine]]:
    """How many lines are blank before the first that is not, and that one if there is any. The `sep=;` before a header,
    which tells a spreadsheet what parts the cells, is as good as blank.
    """
    for number, line in enumerate(lines):
        if isinstance(line, BadLine) or not (SEPARATOR.fullmatch(line) or not line.strip(" ")):
            return number, [line]
    return 0, []


class _Lines:
    """Hands a csv reader one line after the other, and keeps account of the record that these make up."""

    def __init__(self, lines: Iterable[str | BadLine], name: str, rules: LineRules, before: int = 0) -> None:
        """`before` of the file's lines came before these."""
        self._lines, self._name, self._rules = iter(lines), name, rules
        self._number = self._begin = before
        self._characters = 0
        self.bad: BadLine | None = None  # the first unreadable line of the record

    @property
    def where(self) -> str:
        """Where the record begins."""
        return f"{self._name}:{self._begin}"

    @property
    def span(self) -> str:
        """Where it begins and, if that is another line, where it ends: "train.csv:7 to 9"."""
        return self.where + (f" to {self._number}" if self._number > self._begin else "")

    def begin_record(self) -> None:
        self._begin, self._characters, self.bad = self._number + 1, 0, None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            if self._number >= self._begin:
                raise self._endless("the file ends within a quoted cell")
            raise StopIteration
        self._number += 1
        if isinstance(line, BadLine):
            self.bad = self.bad or line
            line = line.text
        self._characters += len(line or "")
        if line is None or self._characters > self._rules.max_line_bytes:
            raise self._endless(f"the row has more than {self._rules.max_line_bytes:,} characters", "max-line-bytes")
        if self._number - self._begin >= self._rules.max_row_lines:
            raise self._endless(f"the row goes on over more than {self._rules.max_row_lines:,} lines", "max-row-lines")
        return line + "\n"

    def _endless(self, what: str, limit: str = "") -> ValueError:
        """`limit` is the key of a run file by which the row is too long."""
        longer = f"; if the row is that long, raise data.{limit} where a run file names it" if limit else ""
        return ValueError(f"{self.span}: {what}: is a quote not closed? Correct it{longer}")


def _records(lines: _Lines, delimiter: str, findings: Findings) -> Iterator[tuple[str, Row] | BadLine]:
    """Place and cells of each row, or what is wrong with it; blank lines are left out."""
    # strict, as otherwise text after a closing quote joins rows in silence
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_record()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield lines.bad or BadLine(lines.span, "not CSV", str(error))
            continue
        if lines.bad is not None:
            yield lines.bad
        elif not row or (len(row) == 1 and not row[0].strip(" ")):
            findings.noted.add("blank line skipped", lines.where)
        else:
            yield lines.where, row


def _delimiter(header: str, columns: Columns) -> str:
    """What parts the cells: the first that gives a header with the columns wanted, else a comma."""
    for delimiter in DELIMITERS:
        with suppress(csv.Error):  # reading the header in earnest will say it
            names = {name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])}
            if {columns.source, columns.target} <= names:
                return delimiter
    return DELIMITERS[0]


def _places(header: tuple[str, Row] | BadLine | None, path: Path, columns: Columns) -> _Places:
    if header is None:
        raise ValueError(f"{path}: has no header, a first line that names the columns")
    if isinstance(header, BadLine):
        raise ValueError(f"{message(header)}; the header must be readable")
    names = [name.strip() for name in header[1]]

    return _Places(
        source=_place(names, columns.source, path),
        target=_place(names, columns.target, path),
        group=_optional(names, columns.group, "group", path),
        tag=_optional(names, columns.tag, "tag", path),
        cells=len(names),
    )


def _optional(names: Row, wanted: str | None, usual: str, path: Path) -> int | None:
    """Where the column is that is wanted, else the usual one if there is one; "" wants none."""
    if wanted is not None:
        return _place(names, wanted, path) if wanted else None
    if names.count(usual) > 1:
        raise ValueError(
            f"{path}: {names.count(usual)} columns are called {usual!r}; rename all but one, or leave them out by "
            f'columns = {{ {usual} = "" }}'
        )
    return names.index(usual) if usual in names else None


def _place(names: Row, wanted: str, path: Path) -> int:
    """Where the wanted column is. ValueError with those that there are."""
    if names.count(wanted) == 1:
        return names.index(wanted)
    if wanted in names:
        raise ValueError(f"{path}: {names.count(wanted)} columns are called {wanted!r}; rename all but one")
    near = difflib.get_close_matches(wanted.lower(), [name.lower() for name in names], n=1)
    nearest = next((name for name in names if near and name.lower() == near[0]), None)
    advice = f"did you mean {nearest!r}? " if nearest else ""
    found = shortened(", ".join(map(repr, names)), MOST_SHOWN)
    raise ValueError(
        f"{path}: has no column {wanted!r}; {advice}found {found}. Name them, in a run file by "
        'columns = { source = "...", target = "..." }, of evaluate by --columns source=...,target=...'
    )


def _example(where: str, row: Row, places: _Places, findings: Findings) -> Example | BadLine:
    if len(row) != places.cells:
        return BadLine(where, "wrong number of columns", f"expected {places.cells} as in the header, found {len(row)}")
    source, target = row[places.source], row[places.target]
    group = "" if places.group is None else row[places.group]
    try:
        tags = () if places.tag is None else tags_of(row[places.tag])
    except ValueError as error:
        return BadLine(where, "not a tag", f'{error}; columns = {{ tag = "" }} reads none')
    if "\n" in source or "\n" in target or "\n" in group:
        source, target, group = (text.replace("\n", " ") for text in (source, target, group))
        findings.noted.add("line break in a quoted cell became a space", where)
    return Example(source, target, group, where, tags)
