"""Windows of numeric series as a column: a value lists the steps of a window, the store holds its numbers.

    20.5,3 21.0,4      two steps of two variables

A step has a number for each variable, with commas between them; spaces separate steps.
Letters: T steps, F variables.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from transduce import files
from transduce.data.columns import Column, Fault

MOST_BYTES = 1 << 20  # of the file of a processor
LEARNT_FROM = 20_000  # windows at most
Steps = Float[np.ndarray, "T F"]


@dataclass(frozen=True)
class Series(Column):
    """Consecutive steps of the variables `names`, which are columns of a table: `steps` of them in a row of the store.

    A value of more steps stands for its last ones. All columns of a task have the same variables and share a processor.
    """

    file: ClassVar[str] = "numbers"
    shared: ClassVar[bool] = True
    dtype: ClassVar[str] = "float32"
    sample: ClassVar[int | None] = LEARNT_FROM
    units: ClassVar[str] = "numbers"

    names: tuple[str, ...] = ("value",)
    steps: int = 1

    @property
    def numbers(self) -> int | None:
        return self.steps * len(self.names)

    def load(self, path: Path) -> "Standardised":
        return Standardised.load(path)

    def learn(self, values: Iterable[str], name: str) -> "Standardised":
        return Standardised.learn(values, self.names)

    def example(self) -> "Standardised":
        return Standardised(self.names, (0.0,) * len(self.names), (1.0,) * len(self.names))

    def value_of(self, given: object) -> str | None:
        """Also numbers of one variable, and steps as lists of numbers; any array of them."""
        if isinstance(given, str):
            return given
        try:
            array = np.asarray(given, np.float64)
        except (TypeError, ValueError):
            return None
        array = array[:, None] if array.ndim == 1 else array
        return text_of(array) if array.ndim == 2 and array.size else None


def text_of(steps: Steps) -> str:
    """The value of a window, with numbers that read back as they are.

    >>> text_of(np.array([[20.5, 3], [21, 4]]))
    '20.5,3 21,4'
    """
    return " ".join(",".join(repr(number).removesuffix(".0") for number in step) for step in steps.tolist())


def numbers_of(value: str, variables: int) -> Steps | Fault:
    """The numbers of a window, each finite."""
    rows = [step.split(",") for step in value.split()]
    for place, row in enumerate(rows, 1):
        if len(row) != variables:
            return Fault("wrong number of variables", f"step {place} has {len(row)} numbers, expected {variables}")
    try:
        array = np.array(rows, np.float64).reshape(len(rows), variables)
    except ValueError as error:
        return Fault("not a number", str(error))
    if not np.isfinite(array).all():
        return Fault("not a finite number", "NaN and infinity cannot be learnt from")
    return array


@dataclass(frozen=True)
class Standardised:
    """The processor of Series: subtracts the mean and divides by the deviation of each variable in the training data."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        finite = all(map(math.isfinite, (*self.mean, *self.deviation)))
        if not finite or not len(self.names) == len(self.mean) == len(self.deviation) or min(self.deviation) <= 0:
            raise ValueError("each variable needs a finite mean, and a finite deviation above 0")

    @classmethod
    def learn(cls, values: Iterable[str], names: Sequence[str]) -> "Standardised":
        """Mean and deviation over the steps of windows; a variable that does not change has deviation 1."""
        count, mean, squares = 0, np.zeros(len(names)), np.zeros(len(names))
        for value in islice(values, LEARNT_FROM):
            steps = numbers_of(value, len(names))
            if isinstance(steps, Fault):
                continue
            # Chan et al. 1979: sums of squares around the mean, as numbers may be large and their differences small
            both, own = count + len(steps), steps.mean(0)
            squares += ((steps - own) ** 2).sum(0) + (own - mean) ** 2 * (count * len(steps) / both)
            mean += (own - mean) * (len(steps) / both)
            count = both
        if count == 0:
            raise ValueError(f"no window to train on has numbers of {', '.join(names)}")
        deviation = np.sqrt(squares / count)
        deviation = np.where(deviation > 1e-12 * np.maximum(1, abs(mean)), deviation, 1.0)
        return cls(tuple(names), tuple(mean.tolist()), tuple(deviation.tolist()))

    @property
    def size(self) -> int:
        return len(self.names)

    @property
    def description(self) -> str:
        """For people: "demand: mean 4.67, deviation 0.87"."""
        rows = zip(self.names, self.mean, self.deviation, strict=True)
        return "; ".join(f"{name}: mean {mean:.4g}, deviation {deviation:.4g}" for name, mean, deviation in rows)

    def encode_batch(self, values: Sequence[str]) -> list[Any]:
        """The standardised numbers of each window, step after step, or its Fault."""
        windows = [numbers_of(value, len(self.names)) for value in values]
        return [each if isinstance(each, Fault) else self.standardised(each).reshape(-1) for each in windows]

    def standardised(self, steps: Steps) -> Steps:
        """In float32; computed in float64."""
        standardised: Steps = ((steps - np.array(self.mean)) / np.array(self.deviation)).astype(np.float32)
        return standardised

    def restored(self, steps: Steps) -> Steps:
        """The inverse of `standardised`, in float64."""
        restored: Steps = steps.astype(np.float64) * np.array(self.deviation) + np.array(self.mean)
        return restored

    def save(self, path: Path) -> None:
        files.write_atomically(path, self._file())

    @classmethod
    def load(cls, path: Path) -> "Standardised":
        """Reads a file that `save` wrote. ValueError, naming the file, for anything else."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
            tree = json.loads(path.read_bytes())
            numbers = (tuple(map(float, tree[key])) for key in ("mean", "deviation"))
            return cls(tuple(map(str, tree["names"])), *numbers)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"{path}: not a file of means and deviations: {error}") from None

    def sha256(self) -> str:
        return hashlib.sha256(self._file()).hexdigest()

    def _file(self) -> bytes:
        tree = {"names": self.names, "mean": self.mean, "deviation": self.deviation}
        return (json.dumps(tree, ensure_ascii=False) + "\n").encode()
