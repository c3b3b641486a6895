"""Requests to stop a run: the loop stops at the next whole update.

The library sets no signal handlers. A caller that wants Ctrl-C to end in a checkpoint passes a `Stopping`, as
`transduce.cli.process.stop_on_signals`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext


class Interrupted(Exception):
    """A request to stop came during work that can be repeated."""


class Abandoned(KeyboardInterrupt):
    """Training stopped without a checkpoint; updates since the last one are lost."""


class StopRequest:
    """Whether to stop, and the signal that asks for it."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def check(self) -> None:
        """Raises Interrupted after a request to stop."""
        if self:
            raise Interrupted


Stopping = Callable[[], AbstractContextManager[StopRequest]]


def never() -> AbstractContextManager[StopRequest]:
    """No request to stop."""
    return nullcontext(StopRequest())
