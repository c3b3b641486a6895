"""What a person sees on a terminal: progress bars, messages, tables, and untrusted text made safe to print.

Everything here goes to stderr except what callers write themselves.
"""

import errno
import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import NoReturn, TextIO

from tqdm import tqdm

LINE_SECONDS = 30.0  # between lines where there is no terminal; work that ends sooner says nothing
_TERMINAL_SECONDS = 1.0  # until a bar appears


def progress_bar(
    unit: str, total: int | None = None, title: str | None = None, initial: int = 0, scaled: bool = False
) -> "tqdm[NoReturn]":
    """A context manager; `update(n)` tells it of n more. `scaled`: 2.00M for 2,000,000."""
    what: partial[tqdm[NoReturn]] = partial(
        tqdm, desc=title, total=total, initial=initial, unit=unit, unit_scale=scaled
    )
    if sys.stderr.isatty():
        return what(delay=_TERMINAL_SECONDS, dynamic_ncols=True)
    return what(delay=LINE_SECONDS, mininterval=LINE_SECONDS, miniters=1, ncols=0, position=0, file=_Log())


def start_clock(bar: "tqdm[NoReturn]") -> None:
    """Of a bar that was made before its work began: rate and time left count from now on."""
    bar.start_t = bar.last_print_t = time.time()


def is_shown(bar: "tqdm[NoReturn]") -> bool:
    """Whether the work has taken long enough for something of the bar to be there."""
    if bar.disable:
        return False
    delay: float = vars(bar)["delay"]
    return time.time() >= bar.start_t + delay


def would_mix() -> bool:
    """Whether stdout and stderr are one terminal, file or pipe, where progress would stand among the results."""
    with suppress(OSError, ValueError, AttributeError):
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    return False


def say(line: str) -> None:
    """A line on stderr. Where nobody hears it, work goes on."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EIO, errno.EBADF):  # for good
            forget(sys.stderr)


def forget(stream: TextIO) -> None:
    """Drops what could not be written, so that the interpreter does not try it again at exit and complain."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Log:
    """stderr with a line for each state of a bar."""

    def write(self, text: str) -> None:
        if line := text.strip():
            say(line)

    def flush(self) -> None:
        """Each line is written at once."""


BREAKS = re.compile("[\t\r\n]")
# control characters, line and paragraph separators, bidirectional controls, lone surrogates
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """One line, with control characters escaped: `harmless("a\\x1b[31m b") == "a\\\\x1b[31m b"`."""
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
