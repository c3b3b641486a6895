"""Terminal output: log messages, progress bars, tables, and escaping of untrusted text.

Messages and bars go to stderr, and only inside `messages_on_stderr`, which the command line opens. Elsewhere the library
writes nothing: it logs to `logging.getLogger("transduce")` and below, and bars stay hidden.
"""

import difflib
import errno
import logging
import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")

LOGGER = logging.getLogger("transduce")
LINE_SECONDS = 30.0  # between the lines of a bar where stderr is no terminal
_TERMINAL_SECONDS = 1.0  # until a bar appears on a terminal


class MessageHandler(logging.Handler):
    """Writes log messages to stderr, beside progress bars: a warning as `warning: ...`, any other as it is.

    Escapes control characters in untrusted text. Ignores a closed stderr.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # a format string and arguments that do not match
            self.handleError(record)
            return
        if record.levelno == logging.WARNING:
            text = f"warning: {text}"
        with suppress(OSError), tqdm.external_write_mode(sys.stderr):
            print_message(text)


@contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Inside, log messages of transduce from INFO on are written to stderr, and progress bars are drawn."""
    handler, level = MessageHandler(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


@contextmanager
def warnings_only(name: str) -> Iterator[None]:
    """Inside, messages below WARNING of the logger `name` and of those below it are dropped."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def print_message(text: str) -> None:
    """Prints to stderr, with control characters escaped. Ignores a closed stderr."""
    if sys.stderr is None or sys.stderr.closed:
        return
    try:
        print(harmless_lines(text), file=sys.stderr, flush=True)
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EIO, errno.EBADF):  # for good
            forget(sys.stderr)


class ProgressBar(tqdm):  # type: ignore[type-arg]  # tqdm is no generic class when it runs
    """A tqdm bar that a message beside it does not draw before its delay is over."""

    def clear(self, *args: Any, **kwargs: Any) -> None:
        if self._is_shown():
            super().clear(*args, **kwargs)

    def refresh(self, *args: Any, **kwargs: Any) -> None:
        if self._is_shown():
            super().refresh(*args, **kwargs)

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """Yields the items and counts each of them."""
        for item in items:
            yield item
            self.update(1)

    def _is_shown(self) -> bool:
        began = vars(self).get("start_t", 0.0)  # not set yet where a bar without delay first draws itself
        return not self.disable and time.time() >= began + vars(self)["delay"]


def progress_bar(
    unit: str,
    total: int | None = None,
    title: str | None = None,
    initial: int = 0,
    scaled: bool = False,
    hidden: bool = False,
) -> ProgressBar:
    """A bar as a context manager; `update(n)` counts n more. It is drawn only inside `messages_on_stderr`.

    A terminal shows a bar after a second, a file or pipe gets a line every 30 seconds. `scaled` shows 2.00M for 2,000,000;
    a `hidden` bar is never drawn.
    """
    bar = partial(ProgressBar, desc=title, total=total, initial=initial, unit=unit, unit_scale=scaled)
    if hidden or not any(isinstance(handler, MessageHandler) for handler in LOGGER.handlers):
        return bar(disable=True)
    if sys.stderr.isatty():
        return bar(delay=_TERMINAL_SECONDS, dynamic_ncols=True)
    return bar(delay=LINE_SECONDS, mininterval=LINE_SECONDS, miniters=1, ncols=0, position=0, file=_LineFile())


def would_mix() -> bool:
    """Whether stdout and stderr are one terminal, file or pipe: then a bar would stand between the results."""
    with suppress(OSError, ValueError, AttributeError):
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    return False


def forget(stream: TextIO) -> None:
    """Drops buffered text that cannot be written; else the interpreter tries again at exit and complains."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _LineFile:
    """A file for a bar: each state of the bar becomes a line on stderr."""

    def write(self, text: str) -> None:
        if line := text.strip():
            print_message(line)

    def flush(self) -> None:
        """Each line is written at once."""


BREAKS = re.compile("[\t\r\n]")
# control characters, line and paragraph separators, bidirectional controls, lone surrogates
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """Escapes control characters in untrusted text, on one line: `harmless("a\\x1b[31m b") == "a\\\\x1b[31m b"`."""
    return ACTING.sub(lambda match: match[0].encode("unicode_escape").decode(), BREAKS.sub(" ", text))


def harmless_lines(text: str) -> str:
    """`harmless` for each line of a text."""
    return "\n".join(map(harmless, text.split("\n")))


def screen_width(text: str) -> int:
    """Columns that a text takes: `screen_width("a猫") == 3`. Combining marks take none."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":  # Hangul vowels and finals
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def unknown(noun: str, name: str, names: Iterable[str], command: str) -> str:
    """`there is no layer 'Cov2D'; did you mean 'conv2d'?`; the command that lists all names where none is near.

    Case and signs such as hyphens do not count.
    """
    known = {_letters(each): each for each in names}
    near = difflib.get_close_matches(_letters(name), known, n=1)
    advice = f"did you mean {known[near[0]]!r}?" if near else f"`{command}` lists all {len(known)} with their purpose"
    return f"there is no {noun} {name!r}; {advice}"


def _letters(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def table(rows: Iterable[Sequence[str]], sides: str = "") -> str:
    """Columns two spaces apart, as wide as their widest cell. Rows may have different numbers of cells.

    sides: "l" or "r" for each column, the side that its cells stand at; by default the left.
    """
    cells = [[harmless(cell) for cell in row] for row in rows]
    widths: list[int] = []
    for row in cells:
        widths += [0] * (len(row) - len(widths))
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], screen_width(cell))
    sides = sides or "l" * len(widths)
    assert len(sides) == len(widths), f"expected a side for each of {len(widths)} columns, found {sides!r}"
    return "".join(
        "  ".join(_filled(*each) for each in zip(row, widths, sides, strict=False)).rstrip() + "\n" for row in cells
    )


def _filled(cell: str, width: int, side: str) -> str:
    space = " " * (width - screen_width(cell))
    return cell + space if side == "l" else space + cell
