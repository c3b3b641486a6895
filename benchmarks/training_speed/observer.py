"""Runs one system inside its own interpreter and notes every update: when it was made and how many target tokens it took.

    python observer.py SYSTEM UPDATES.jsonl WARM_UP SECONDS ARGUMENT...

The same clock for all: a hook that torch calls after each step of any optimiser. Target tokens are counted where the
system makes its batches, end of sentence included, once without and once with padding. After WARM_UP updates and
SECONDS more (and LEAST updates at least) the process ends, so that neither a checkpoint nor a validation falls into it.
Imports nothing but Python and torch before the system itself: it runs in environments that hold nothing else of ours.
"""

import json
import os
import resource
import runpy
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

LEAST = 3  # updates measured, however long they take


class Observer:
    """Counts target tokens since the last update and writes a line per update."""

    def __init__(self, out: TextIO, package: str, warm_up: int, seconds: float) -> None:
        self.out, self.package, self.warm_up, self.seconds = out, package, warm_up, seconds
        self.updates = self.tokens = self.padded = 0
        self.began = 0.0  # when the last warm-up update ended

    def count(self, tokens: int, padded: int) -> None:
        """Target tokens of one more batch: without padding, and with it."""
        self.tokens += tokens
        self.padded += padded

    def after_step(self, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        """The hook; ends the process when enough is measured."""
        at, cpu = time.perf_counter(), time.process_time()
        if self.updates == 0:
            self._write(self._circumstances(optimiser))
        self.updates += 1
        # ru_maxrss is in KiB (in bytes on macOS)
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        self._write({"at": at, "cpu": cpu, "tokens": self.tokens, "padded": self.padded, "peak_bytes": peak})
        self.tokens = self.padded = 0
        if self.updates == self.warm_up:
            self.began = at
        if self.updates >= self.warm_up + LEAST and at - self.began >= self.seconds:
            self.out.close()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def _circumstances(self, optimiser: torch.optim.Optimizer) -> dict[str, object]:
        weights = {id(weight): weight for group in optimiser.param_groups for weight in group["params"]}
        return {
            "parameters": sum(weight.numel() for weight in weights.values()),
            "threads": torch.get_num_threads(),
            "version": metadata.version(self.package),
            "torch": torch.__version__,
            "python": sys.version.split()[0],
        }

    def _write(self, line: dict[str, object]) -> None:
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()


def transduce(observer: Observer, arguments: Sequence[str]) -> None:
    from transduce.cli.main import main
    from transduce.tasks.translation import Translation

    batch_of = Translation.batch

    def counted(self: Any, rows: Any, *args: Any, **kwargs: Any) -> Any:
        batch = batch_of(self, rows, *args, **kwargs)
        target = rows.columns["target"]
        observer.count(sum(len(row) + 1 for row in target), batch.target_out.numel())  # with the end token
        return batch

    Translation.batch = counted  # type: ignore[method-assign]
    sys.exit(main(arguments))


def eole(observer: Observer, arguments: Sequence[str]) -> None:
    from eole.bin.main import main  # type: ignore[import-not-found]
    from eole.trainer import BatchProcessor  # type: ignore[import-not-found]

    process_batch = BatchProcessor.process_batch

    def counted(self: Any, batch: Any, *args: Any, **kwargs: Any) -> Any:
        target = batch["tgt"][:, 1:]  # what is predicted: all but the start
        observer.count(int(target.ne(self.train_loss.padding_idx).sum()), target.numel())
        return process_batch(self, batch, *args, **kwargs)

    BatchProcessor.process_batch = counted
    sys.argv = ["eole", *arguments]
    main()


def joey(observer: Observer, arguments: Sequence[str]) -> None:
    from joeynmt.batch import Batch  # type: ignore[import-not-found]

    build = Batch.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        observer.count(self.ntokens, self.trg.numel())

    Batch.__init__ = counted
    sys.argv = ["joeynmt", *arguments]
    runpy.run_module("joeynmt", run_name="__main__")


RUNNERS: dict[str, tuple[str, Callable[[Observer, Sequence[str]], None]]] = {
    "transduce": ("transduce", transduce),
    "eole": ("eole", eole),
    "joeynmt": ("joeynmt", joey),
}


def start(system: str, out: str, warm_up: str, seconds: str, *arguments: str) -> None:
    package, runner = RUNNERS[system]
    # its folder stands first on the path, where its neighbours could be taken for the systems' modules
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
    with Path(out).open("w", encoding="utf-8") as notes:
        observer = Observer(notes, package, int(warm_up), float(seconds))
        register_optimizer_step_post_hook(observer.after_step)
        runner(observer, arguments)


if __name__ == "__main__":
    start(*sys.argv[1:])
