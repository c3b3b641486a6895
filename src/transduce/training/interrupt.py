"""Ctrl-C, SIGTERM and SIGHUP ask a run to stop; the loop stops at the next whole update."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# a closed terminal or a dropped connection asks to stop as well, where the system knows it
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


class Interrupted(Exception):
    """Somebody asked to stop in the middle of something that can be done again."""


class Abandoned(KeyboardInterrupt):
    """Somebody did not want to wait for the update in hand: what was learnt since the last checkpoint is lost."""


class StopRequest:
    """Whether somebody asked to stop, and the signal that did."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def check(self) -> None:
        """Raises Interrupted if somebody asked to stop."""
        if self:
            raise Interrupted


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Inside, the first SIGINT, SIGTERM or SIGHUP only sets the request; the second one acts as usual, at once.

    What was ignored before, as nohup has SIGHUP ignored, stays so.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = number
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {}
    try:
        for each in SIGNALS:
            if signal.getsignal(each) not in (signal.SIG_IGN, None):  # None: set by other than Python
                before[each] = signal.signal(each, note)
    except ValueError:  # not in the main thread: signals are somebody else's
        pass
    try:
        yield request
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
