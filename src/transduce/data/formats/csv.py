"""CSV with a header: records from the rows of a file, by the rules of Python's csv module.

    en,de,lang
    one,eins,de
    "two, or so",zwei,de

The header names the columns of the task; a corpus's `columns` maps other names. Commas separate cells; semicolons or tabs
do if only they give a header with the columns of the task (spreadsheets of some countries write those). A quoted cell may
span lines: each line break in it becomes one space, unless its column keeps them. Blanks beside a quoted cell do not
belong to it: `one , "eins"` is `one ,"eins"`. Blanks within a cell do, with or without quotes, but not in names: those of
columns in the header, labels and tags.
"""

import csv
import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from transduce.data.findings import Findings
from transduce.data.formats.layout import Layout
from transduce.data.formats.lines import BadLine, LineRules, message, open_text, stream_lines
from transduce.data.records import Record, counted, shortened
from transduce.text.tags import names_in

DELIMITERS = ",;\t"
MOST_LISTED = 300  # characters of the columns of a file, in messages
SEPARATOR = re.compile(r"sep=.", re.IGNORECASE)
Row = list[str]


@dataclass(frozen=True)
class _Places:
    """The places of the columns in a row, and its number of cells. None: no such column. `one_line`: without line breaks."""

    columns: tuple[tuple[str, int], ...]
    group: int | None
    tag: int | None
    cells: int
    one_line: tuple[str, ...]


def rows(path: Path, layout: Layout, rules: LineRules, findings: Findings) -> Iterator[Record | BadLine]:
    """The record of each row, or a BadLine.

    ValueError if the header lacks a column, and if a row has no end, since the start of the next row is unknown then.
    """
    # the rules limit rows; the module's own limit applies to all of Python
    csv.field_size_limit(max(csv.field_size_limit(), rules.max_line_bytes + 1))
    with open_text(path) as stream:
        # CRLF (RFC 4180) and a byte order mark (Excel) are usual in CSV: nothing to report
        stream_of_lines = stream_lines(stream, str(path), rules.max_line_bytes, Findings())
        blank, head = _header(stream_of_lines)
        for number in range(1, blank + 1):
            findings.noted.add("blank line skipped", f"{path}:{number}")
        delimiter = _delimiter(head[0], layout) if head and isinstance(head[0], str) else DELIMITERS[0]
        lines = _Lines(chain(head, stream_of_lines), str(path), rules, _Unpadded(delimiter, findings), blank)
        records = _rows(lines, delimiter, findings)
        places = _places(next(records, None), path, layout)
        for record in records:
            yield record if isinstance(record, BadLine) else _record(*record, places, findings)


class _Unpadded:
    """Removes blanks between a delimiter and a quoted cell, which Python's csv module takes for text: ` "a" ` -> `"a"`."""

    def __init__(self, delimiter: str, findings: Findings) -> None:
        # the start of a cell, blanks, a whole quoted text, whose inside must not change, and blanks at the end of the cell
        self._quoted = re.compile(rf'(^|{delimiter}) *("[^"]*(?:""[^"]*)*+(?:"|$))(?: +(?={delimiter}|$))?')
        self._findings = findings

    def __call__(self, line: str, where: str, within_quotes: bool) -> str:
        if ' "' not in line and '" ' not in line:
            return line
        text = f'"{line}' if within_quotes else line
        unpadded = self._quoted.sub(r"\1\2", text)
        if unpadded == text:
            return line
        self._findings.noted.add("blank beside a quoted cell removed", where)
        return unpadded[1:] if within_quotes else unpadded


def _header(lines: Iterable[str | BadLine]) -> tuple[int, list[str | BadLine]]:
    """The number of blank lines at the start, and the first other line if there is one. The line `sep=;` before a header,
    which tells a spreadsheet the delimiter, counts as blank.
    """
    for number, line in enumerate(lines):
        if isinstance(line, BadLine) or not (SEPARATOR.fullmatch(line) or not line.strip(" ")):
            return number, [line]
    return 0, []


class _Lines:
    """Iterates over lines for a csv reader, and tracks the record to which they belong."""

    def __init__(
        self, lines: Iterable[str | BadLine], name: str, rules: LineRules, unpadded: _Unpadded, before: int = 0
    ) -> None:
        """`before`: the number of the file's lines before these."""
        self._lines, self._name, self._rules, self._unpadded = iter(lines), name, rules, unpadded
        self._number = self._begin = before
        self._characters = 0
        self.bad: BadLine | None = None  # the first unreadable line of the record

    @property
    def where(self) -> str:
        """The first line of the record."""
        return f"{self._name}:{self._begin}"

    @property
    def span(self) -> str:
        """The first and, if different, last line of the record: "train.csv:7 to 9"."""
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
            raise self._endless(
                f"the row has more than {counted(self._rules.max_line_bytes, 'character')}", "max-line-bytes"
            )
        if self._number - self._begin >= self._rules.max_row_lines:
            raise self._endless(f"the row has more than {counted(self._rules.max_row_lines, 'line')}", "max-row-lines")
        return self._unpadded(line, f"{self._name}:{self._number}", self._number > self._begin) + "\n"

    def _endless(self, reason: str, limit: str = "") -> ValueError:
        """`limit` is the key of a run file that limits the length of a row."""
        longer = f"; if the row is that long, raise data.{limit} in a run file" if limit else ""
        return ValueError(f"{self.span}: {reason}: is a quote not closed? Correct it{longer}")


def _rows(lines: _Lines, delimiter: str, findings: Findings) -> Iterator[tuple[str, Row] | BadLine]:
    """Place and cells of each row, or a BadLine; blank lines are left out."""
    # strict, as otherwise text after a closing quote silently joins rows
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


def _delimiter(header: str, layout: Layout) -> str:
    """The first delimiter that gives a header with the columns of the task, else a comma."""
    for delimiter in DELIMITERS:
        with suppress(csv.Error):  # `_rows` reports it
            cells = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
            if {*layout.names.values()} <= {name.strip() for name in cells}:
                return delimiter
    return DELIMITERS[0]


def _places(header: tuple[str, Row] | BadLine | None, path: Path, layout: Layout) -> _Places:
    if header is None:
        raise ValueError(f"{path}: has no header, a first line that names the columns")
    if isinstance(header, BadLine):
        raise ValueError(f"{message(header)}; the header must be readable: {header.advice}")
    names = [name.strip() for name in header[1]]
    return _Places(
        columns=tuple((column, _place(names, name, path, layout)) for column, name in layout.names.items()),
        group=_optional(names, layout.group, "group", path, layout),
        tag=_optional(names, layout.tag, "tag", path, layout),
        cells=len(names),
        one_line=tuple(column for column in layout.names if column not in layout.multiline),
    )


def _optional(names: Row, setting: str | None, usual: str, path: Path, layout: Layout) -> int | None:
    """The place of the column in the setting, or by default of the usual one if there is one; "" means none."""
    if setting == "" or (setting is None and usual not in names):
        return None
    advice = f', or leave them out by columns = {{ {usual} = "" }}'
    return _place(names, setting or usual, path, layout, advice)


def _place(names: Row, column: str, path: Path, layout: Layout, instead: str = "") -> int:
    """The place of a column. ValueError, with the columns of the file, if it has none or several of this name; `instead` is
    the alternative to renaming them.
    """
    if names.count(column) == 1:
        return names.index(column)
    if column in names:
        raise ValueError(f"{path}: {names.count(column)} columns are called {column!r}; rename all but one{instead}")
    near = difflib.get_close_matches(column.lower(), [name.lower() for name in names], n=1)
    nearest = next((name for name in names if near and name.lower() == near[0]), None)
    advice = f"did you mean {nearest!r}? " if nearest else ""
    columns = shortened(", ".join(map(repr, names)), MOST_LISTED)
    raise ValueError(f"{path}: has no column {column!r}; {advice}found {columns}. Name them, {layout.naming}")


def _record(where: str, row: Row, places: _Places, findings: Findings) -> Record | BadLine:
    if len(row) != places.cells:
        return BadLine(where, "wrong number of columns", f"expected {places.cells} as in the header, found {len(row)}")
    values = {column: row[place] for column, place in places.columns}
    group = "" if places.group is None else row[places.group]
    try:
        tags = () if places.tag is None else names_in(row[places.tag])
    except ValueError as error:
        return BadLine(where, "not a tag", f'{error}; columns = {{ tag = "" }} reads none')
    if "\n" in group or any("\n" in values[column] for column in places.one_line):
        values |= {column: values[column].replace("\n", " ") for column in places.one_line}
        group = group.replace("\n", " ")
        findings.noted.add("line break in a quoted cell became a space", where)
    return Record(values, where, group, tags)
