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
from typing import Protocol, TypeVar, runtime_checkable

from transduce.data.findings import Findings
from transduce.data.formats.lines import BadLine, LineRules, facts, message, open_text, stream_lines

log = logging.getLogger(__name__)

FIRST, MOST = 16, 512  # lines of the first batch; later ones double up to the most
MOST_CHARACTERS = 1 << 20  # of a batch, and of what a pipe's reader holds ready


@runtime_checkable
class HasText(Protocol):
    """A line, or a record."""

    @property
    def text(self) -> str: ...


T = TypeVar("T", bound=HasText)


@dataclass(frozen=True)
class Line:
    """One line without its end. `number` counts over all inputs from 1; `where` is "file:line" for messages.

    `prefix` is what its translation begins with.
    """

    number: int
    where: str
    text: str
    prefix: str = ""


@dataclass(frozen=True)
class Input:
    """An open file or pipe, and its name for messages."""

    name: str
    stream: BufferedIOBase


def check_readable(path: Path) -> None:
    """ValueError for a file that is missing, unreadable or no text. What comes from a pipe shows itself as it comes."""
    if path.is_file() or path.is_dir() or not path.exists():
        open_text(path).close()


def lines(inputs: Iterable[Input], blank_bad_lines: bool = False) -> Iterator[Line]:
    """The lines of one input after the other.

    The first that is not usable text is a ValueError with name and line; with `blank_bad_lines`, such lines are blank, each
    with a warning.
    """
    number = 0
    for source in inputs:
        read = stream_lines(source.stream, source.name, LineRules.max_line_bytes, Findings())
        for place, line in enumerate(read, 1):
            if isinstance(line, BadLine):
                if not blank_bad_lines:
                    raise ValueError(message(line))
                log.warning("%s", message(line))
                line = ""
            number += 1
            yield Line(number, f"{source.name}:{place}", line)


def with_prefixes(source: Iterable[Line], prefixes: Iterable[str], name: str) -> Iterator[Line]:
    """Each line with its prefix, from a file called `name`. ValueError where one has more lines than the other."""
    following = iter(prefixes)
    number = 0
    for number, line in enumerate(source, 1):
        prefix = next(following, None)
        if prefix is None:
            raise ValueError(f"{name} has {number - 1:,} lines, but {line.where} is line {number:,} of the input")
        yield replace(line, prefix=prefix)
    if next(following, None) is not None:
        raise ValueError(f"{name} has more lines than the input, which has {number:,}; each line has its prefix")


def open_input(path: Path) -> BufferedIOBase:
    """A file, unpacked if it is named .gz or .zst; or a pipe."""
    return open_text(path) if path.is_file() else path.open("rb")


def texts(path: Path) -> Iterator[str]:
    """The lines of one file or pipe. ValueError as with `lines`."""
    with open_input(path) as stream:
        yield from (line.text for line in lines([Input(str(path), stream)]))


def count_lines(path: Path) -> int:
    """How many lines `lines` finds in a file."""
    return facts(path, empty=True).lines


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
