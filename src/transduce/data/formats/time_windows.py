"""Windows of series from tables with a row for each time step.

    demand,temperature,group
    4.1,20.5,north
    4.3,21.0,north

Rows are in the order of time; those of several series (groups) may alternate. A window has the consecutive steps of all
series columns of the task, in the order of the columns: the history, then the future. The next window begins one step later.
A row that cannot be used breaks its series: no window reaches across it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from transduce.data.columns import Column
from transduce.data.formats.lines import BadLine
from transduce.data.records import Record, counted
from transduce.data.series_column import LARGEST, Series, too_large

Rows = Iterator[Record | BadLine]


def has_windows(columns: Mapping[str, Column]) -> bool:
    """Whether records of these columns are windows of time steps."""
    return any(isinstance(column, Series) for column in columns.values())


def variables(columns: Mapping[str, Column]) -> tuple[str, ...]:
    """The columns of the table that the series columns of a task read."""
    return next(column.names for column in columns.values() if isinstance(column, Series))


@dataclass
class _Open:
    """The last steps of a series that may begin a window, each as text, and the number of steps before the next one.

    fault: the last row before them that cannot be used, which may belong to the series.
    """

    steps: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # "file:line" of each
    count: int = 0
    windows: int = 0
    fault: BadLine | None = None

    def add(self, step: str, place: str, width: int) -> None:
        self.steps.append(step)
        self.places.append(place)
        self.count += 1
        del self.steps[:-width], self.places[:-width]

    def interrupt(self, fault: BadLine) -> None:
        """A step is missing: no window has steps from before and after it."""
        self.steps.clear()
        self.places.clear()
        self.count += 1
        self.fault = fault


def windows(rows: Rows, columns: Mapping[str, Column], without: str | None = None) -> Rows:
    """The windows of the series in the rows, which hold a text for each variable.

    Without the column `without`, the future, each series gives one record: its last steps, to predict what follows; rows
    before them may be unusable. A series that is too short for a window is a BadLine.
    """
    lengths = {name: column.steps for name, column in columns.items() if isinstance(column, Series) and name != without}
    width = sum(lengths.values())
    series: dict[str, _Open] = {}
    unplaced: BadLine | None = None  # the last row whose series is unknown
    for row in rows:
        step = row if isinstance(row, BadLine) else _step(row)
        if isinstance(step, BadLine):
            affected = series.values() if isinstance(row, BadLine) else [_of(row, series, unplaced)]
            for each in affected:
                each.interrupt(step)
            unplaced = step if isinstance(row, BadLine) else unplaced
            if without is None:
                yield step
            continue
        assert isinstance(row, Record)
        own = _of(row, series, unplaced)
        own.add(step, row.where, width)
        if len(own.steps) == width and without is None:
            own.windows += 1
            yield _window(own, lengths, row.group)
    if without is None:
        yield from (_too_short(own, group, width) for group, own in series.items() if not own.windows)
        return
    for group, own in series.items():
        yield _window(own, lengths, group) if len(own.steps) == width else own.fault or _too_short(own, group, width)
    if not series and unplaced is not None:
        yield unplaced


def _of(row: Record, series: dict[str, _Open], unplaced: BadLine | None) -> _Open:
    """The series of a row, a new one for a new group; rows whose series is unknown may have been its first."""
    return series.setdefault(row.group, _Open(fault=unplaced))


def _step(row: Record) -> str | BadLine:
    """The numbers of a step as text."""
    texts = []
    for name, text in row.values.items():
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or "_" in text:
            return BadLine(row.where, "not a finite number", f"{name} is {text!r}")
        if abs(number) > LARGEST:
            return BadLine(row.where, *too_large(f"{name} {text.strip()}"))
        texts.append(text.strip())
    return ",".join(texts)


def _window(own: _Open, lengths: Mapping[str, int], group: str) -> Record:
    values, begin = {}, 0
    for name, length in lengths.items():
        values[name] = " ".join(own.steps[begin : begin + length])
        begin += length
    return Record(values, own.places[0], group, span=(own.count - begin, own.count - 1))


def _too_short(own: _Open, group: str, width: int) -> BadLine:
    name = f"series {group!r}" if group else "the series"
    where = own.places[0] if own.places else name
    detail = f"{name} has {counted(len(own.steps), 'step')} in a row, a window needs {width}"
    return BadLine(where, "series too short", detail, advice="give more of it")
