"""Lines from files and pipes in batches, by the rules of `data.reading`, in bounded memory.

A file is cut into full batches. From a pipe a batch is what has arrived, so that one line sent alone is answered at
once, while a fast sender gets full batches. Batches begin small: the first output comes early.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from io import BufferedIOBase
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from transduce.data.findings import Findings
from transduce.data.formats.lines import BadLine, LineRules, message, open_text, stream_lines
from transduce.data.records import counted

log = logging.getLogger(__name__)

FIRST, MOST = 16, 512  # lines of the first batch; later ones double up to the most
MOST_CHARACTERS = 1 << 20  # of a batch, and of what a pipe's reader holds ready


@runtime_checkable
class Readable(Protocol):
    """A line, or a record: its text, and its "file:line"."""

    @property
    def text(self) -> str: ...

    @property
    def where(self) -> str: ...


T = TypeVar("T", bound=Readable)


@dataclass(frozen=True)
class Line:
    """One line without its end. `number` counts over all inputs from 1; `where` is "file:line" for messages.

    prefix: the beginning of its translation. fault: why it cannot be used; its text is then "".
    """

    number: int
    where: str
    text: str
    prefix: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Input:
    """An open file or pipe, and its name for messages."""

    name: str
    stream: BufferedIOBase


def check_readable(path: Path) -> None:
    """ValueError for a file that is missing, unreadable or no text. What comes from a pipe shows itself as it comes."""
    if path.is_file() or path.is_dir() or not path.exists():
        open_text(path).close()


def lines(inputs: Iterable[Input], bad_lines: Literal["stop", "blank", "mark"] = "stop") -> Iterator[Line]:
    """The lines of one input after the other.

    bad_lines: "stop" raises ValueError, with name and line, at the first that is not usable text. Otherwise such lines are
    blank: "blank" logs a warning for each, "mark" sets their `fault`.
    """
    number = 0
    for source in inputs:
        for place, text in enumerate(stream_lines(source.stream, source.name, LineRules.max_line_bytes, Findings()), 1):
            number += 1
            if not isinstance(text, BadLine):
                yield Line(number, f"{source.name}:{place}", text)
                continue
            if bad_lines == "stop":
                raise ValueError(message(text))
            if bad_lines == "blank":
                log.warning("%s", message(text))
            yield Line(number, f"{source.name}:{place}", "", fault=text.reason)


def with_prefixes(source: Iterable[Line], prefixes: Iterable[str], name: str) -> Iterator[Line]:
    """Each line with its prefix, from a file called `name`. ValueError where one has more lines than the other."""
    following = iter(prefixes)
    number = 0
    for number, line in enumerate(source, 1):
        prefix = next(following, None)
        if prefix is None:
            raise ValueError(
                f"{name} has {counted(number - 1, 'line')}, but {line.where} is line {number:,} of the input"
            )
        yield replace(line, prefix=prefix)
    if next(following, None) is not None:
        raise ValueError(f"{name} has more lines than the input, which has {number:,}; each line has its prefix")


def open_inputs(paths: Iterable[Path]) -> Iterator[Input]:
    """Opens one file or pipe after the other, however many there are. A file is unpacked if it is named .gz or .zst."""
    for path in paths:
        with open_text(path) if path.is_file() else path.open("rb") as stream:
            yield Input(str(path), stream)


def full_batches(source: Iterable[T]) -> Iterator[list[T]]:
    """All lines or records in batches of growing size. An error comes after the batch of the lines before it."""
    batch: list[T] = []
    characters, most = 0, FIRST
    try:
        for line in source:
            batch.append(line)
            characters += len(line.text)
            if len(batch) == most or characters >= MOST_CHARACTERS:
                yield batch
                batch, characters, most = [], 0, min(2 * most, MOST)
    except (ValueError, OSError):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def arriving_batches(source: Iterable[Line]) -> Iterator[list[Line]]:
    """Batches of what has arrived, waiting only for the first line of each. Errors as with `full_batches`."""
    with closing(ReadAhead(source)) as ahead:
        most = FIRST
        while batch := ahead.take(most):
            yield batch
            most = min(2 * most, MOST) if len(batch) == most else most


class ReadAhead:
    """A thread that reads lines while others are worked on; it stops reading where many wait already."""

    def __init__(self, source: Iterable[Line]) -> None:
        self._waiting: deque[Line] = deque()
        self._characters = 0
        self._over = False  # nothing more comes, or is wanted
        self._error: Exception | None = None
        self._changed = threading.Condition()
        # a daemon: nothing can wake a thread that waits for a silent pipe
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def take(self, most: int) -> list[Line]:
        """At least one line and at most `most`; none at the end. An error of the reader is raised after its lines."""
        batch: list[Line] = []
        characters = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            while self._waiting and len(batch) < most and characters < MOST_CHARACTERS:
                batch.append(self._waiting.popleft())
                characters += len(batch[-1].text)
            self._characters -= characters
            self._changed.notify()
        if not batch and self._error is not None:
            raise self._error
        return batch

    def close(self) -> None:
        """The reader stops at its next line."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def _read(self, source: Iterable[Line]) -> None:
        try:
            for line in source:
                with self._changed:
                    self._changed.wait_for(self._has_room)
                    if self._over:
                        return
                    self._waiting.append(line)
                    self._characters += len(line.text)
                    self._changed.notify()
        except Exception as error:  # for the thread that takes the lines, whatever it is
            self._error = error
        self.close()

    def _has_room(self) -> bool:
        return self._over or (len(self._waiting) < MOST and self._characters < MOST_CHARACTERS)
