"""What the benchmark asks of a system."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.training_speed.data import Data
from benchmarks.training_speed.settings import Size

Rates = dict[int, float]  # number of an update, from 1 on -> target tokens per second


@dataclass(frozen=True)
class Job:
    """One run. `folder` is empty and its own."""

    folder: Path
    data: Data
    size: Size
    form: str  # key of the form it runs in
    seed: int


@dataclass(frozen=True)
class System:
    """`configure` writes a job's files and returns its command line; `own_rates` reads what the system logged itself."""

    title: str
    forms: Mapping[str, str]  # number format, or what else the user may choose for speed: key -> what it is
    configure: Callable[[Job], list[str]]
    own_rates: Callable[[Path, str], Rates]  # the job's folder, what the process printed
