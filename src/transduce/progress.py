"""How far long work has come, on stderr: a bar on a terminal, a line now and then in a log."""

import sys
from contextlib import suppress
from functools import partial
from typing import NoReturn

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
    return what(delay=LINE_SECONDS, mininterval=LINE_SECONDS, ncols=0, file=_Log())


class _Log:
    """stderr with a line for each state of a bar. Where nobody reads it any more, work goes on."""

    def write(self, text: str) -> None:
        if line := text.strip():
            with suppress(OSError):
                print(line, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Each line is written at once."""
