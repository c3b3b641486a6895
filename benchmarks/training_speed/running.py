"""One run: a fresh process of one system, observed until enough is measured."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from benchmarks.training_speed import environments
from benchmarks.training_speed.data import Data
from benchmarks.training_speed.results import Run, measured
from benchmarks.training_speed.settings import SIZES
from benchmarks.training_speed.system import Job
from benchmarks.training_speed.systems import SYSTEMS

OBSERVER = Path(__file__).with_name("observer.py")
WARM_UP = 2  # updates
LONGEST = 1800  # seconds that one run may take


class RunFailed(Exception):
    """A system ended before enough was measured; the message says where its output is."""


@dataclass(frozen=True)
class Runner:
    """Where things are, and how long and with how many threads each run trains."""

    work: Path
    peers: Path
    data: Data
    seconds: float
    threads: int

    def run(self, size: str, system: str, form: str, number: int) -> Run:
        """The measured run; `number` is that of the round, and the seed."""
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        folder = self.work / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        arguments = SYSTEMS[system].configure(Job(folder, self.data, SIZES[size], form, number))
        log, notes = folder / "output.log", folder / "updates.jsonl"
        command = [environments.interpreter(system, self.peers), OBSERVER, system, notes, WARM_UP, self.seconds]
        with log.open("w", encoding="utf-8") as output:
            done = _finished([*map(str, command), *arguments], folder, output, self.threads)
        lines = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()] if notes.exists() else []
        if done != 0 or len(lines) <= WARM_UP + 1:
            kept = self.work / f"failed-{size}-{system}-{form}.log"
            shutil.copyfile(log, kept)
            raise RunFailed(f"ended after {max(0, len(lines) - 1)} updates with exit code {done}; its output: {kept}")
        own = SYSTEMS[system].own_rates(folder, log.read_text(encoding="utf-8", errors="replace"))
        found = measured(lines[1:], WARM_UP, own)
        job = {"size": size, "system": system, "form": form, "round": number}
        return Run(**asdict(found), **job, **lines[0], load=round(load, 2))


def _finished(command: list[str], folder: Path, output: TextIO, threads: int) -> int:
    """The exit code, on CPU cores alone and with so many threads."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
        "TOKENIZERS_PARALLELISM": "false",
    }
    try:
        done = subprocess.run(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return -1
    return done.returncode
