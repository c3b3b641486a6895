"""Settings of the whole process, which only the command line changes: threads, memory, signal handlers."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from transduce.machine import hardware
from transduce.machine.memory import keep_steady
from transduce.training import checkpoints
from transduce.training.interrupt import StopRequest

# SIGHUP comes from a closed terminal or a dropped connection, on systems that know it
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


def prepare_for_training(runs: Iterable[Path]) -> None:
    """Sets memory and threads: the number of threads that the first of these run folders with a checkpoint began with,
    else the number of free cores. Another number of threads rounds sums in another order.
    """
    import torch

    keep_steady()
    for run in runs:
        if (threads := checkpoints.threads(run / "checkpoints")) is not None:
            torch.set_num_threads(threads)
            return
    hardware.choose_threads()


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Inside, the first SIGINT, SIGTERM or SIGHUP only sets the request; the second one acts as usual, at once.

    A signal that was ignored before, as nohup ignores SIGHUP, stays ignored.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = number
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {}
    try:
        for each in SIGNALS:
            if signal.getsignal(each) not in (signal.SIG_IGN, None):  # None: set by other code than Python
                before[each] = signal.signal(each, note)
    except ValueError:  # only the main thread may set handlers
        pass
    try:
        yield request
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
