"""How far long work has come, on stderr: a bar on a terminal, a line now and then in a log."""

import errno
import os
import sys
import time
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
