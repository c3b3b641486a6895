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
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from transduce import files
from transduce.data.columns import Column, Fault, Processor
from transduce.data.records import counted, shortened

MOST_BYTES = 1 << 20  # of the file of a processor
LEARNT_FROM = 20_000  # windows at most
LARGEST = 1e100  # of a number, whose square float64 can still add up
FARTHEST = 1e15  # deviations from the mean, whose square float32 can still add up
LEAST_SHARE = 1e-12  # of the largest number: a smaller deviation is rounding
FORM = "expected numbers, with commas between variables and spaces between steps"
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

    def check(self, processor: Processor) -> None:
        assert isinstance(processor, Standardised)
        if processor.names != self.names:
            raise ValueError(f"names are {', '.join(processor.names)}, but task.variables are {', '.join(self.names)}")

    def learn(self, values: Iterable[str], name: str) -> "Standardised":
        return Standardised.learn(values, self.names)

    def example(self) -> "Standardised":
        return Standardised(self.names, (0.0,) * len(self.names), (1.0,) * len(self.names))

    def value_of(self, given: object) -> str | None:
        """Also numbers of one variable, and steps as lists of numbers; any array of them. ValueError for other arrays."""
        if isinstance(given, str):
            return given
        try:
            array = np.asarray(given, np.float64)
        except (TypeError, ValueError):
            if isinstance(given, list | tuple):
                raise ValueError(self._refusal(given)) from None
            return None
        if array.ndim == 0:
            return None
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f"{self._form}, found an array of the shape {array.shape}")
        return text_of(array)

    @property
    def _form(self) -> str:
        numbers = f"a list of {counted(len(self.names), 'number')}" if len(self.names) > 1 else "a number"
        return f"expected a list of steps, each {numbers} ({', '.join(self.names)})"

    def _refusal(self, steps: Sequence[object]) -> str:
        """Why steps are no array of numbers: the first that differs from the first in length, or holds no number."""
        for place, step in enumerate(steps, 1):
            numbers = step if isinstance(step, list | tuple) else [step]
            if not all(isinstance(number, Real) for number in numbers) or len(numbers) != len(self.names):
                return f"{self._form}, found {shortened(repr(step))} at step {place}"
        return f"{self._form}, found lists of other forms"


def text_of(steps: Steps) -> str:
    """The value of a window, with numbers that read back as they are.

    >>> text_of(np.array([[20.5, 3], [21, 4]]))
    '20.5,3 21,4'
    """
    return " ".join(",".join(repr(number).removesuffix(".0") for number in step) for step in steps.tolist())


def numbers_of(value: str, variables: int) -> Steps | Fault:
    """The numbers of a window, each finite and at most LARGEST."""
    rows = [step.split(",") for step in value.split()]
    try:
        numbers = [[float(cell) for cell in row] for row in rows]
    except ValueError:
        wrong = next(cell for row in rows for cell in row if not _is_number(cell))
        return Fault("not a number", f"{shortened(wrong)!r}; {FORM}")
    for place, row in enumerate(rows, 1):
        if len(row) != variables:
            return Fault(
                "wrong number of variables", f"step {place} has {counted(len(row), 'number')}, expected {variables}"
            )
    array = np.array(numbers, np.float64).reshape(len(rows), variables)
    if not np.isfinite(array).all():
        return Fault("not a finite number", "NaN and infinity cannot be learnt from")
    if np.abs(array).max(initial=0) > LARGEST:
        return too_large(f"{array.flat[np.abs(array).argmax()]:g}")
    return array


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def too_large(number: str) -> Fault:
    return Fault(
        "number too large", f"{number} is beyond {LARGEST:g}; correct it, or divide the column by a constant factor"
    )


@dataclass(frozen=True)
class Standardised:
    """The processor of Series: subtracts the mean and divides by the deviation of each variable in the training data."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.mean) == len(self.deviation):
            raise ValueError(
                f"each variable needs a mean and a deviation, found {len(self.names)} names, {len(self.mean)} means and "
                f"{len(self.deviation)} deviations"
            )
        for name, mean, deviation in zip(self.names, self.mean, self.deviation, strict=True):
            if not math.isfinite(mean) or not 0 < deviation < math.inf:
                raise ValueError(
                    f"{name} needs a finite mean and a finite deviation above 0, found {mean:g} and {deviation:g}"
                )

    @classmethod
    def learn(cls, values: Iterable[str], names: Sequence[str]) -> "Standardised":
        """Mean and deviation over the steps of windows; a variable that does not change has deviation 1.

        To not change is measured by its largest number: 1e-13 and 2e-13 differ, 1 and 1 + 1e-13 do not.
        """
        count, mean, squares, largest = 0, np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
        for value in islice(values, LEARNT_FROM):
            steps = numbers_of(value, len(names))
            if isinstance(steps, Fault):
                continue
            # Chan et al. 1979: sums of squares around the mean, as numbers may be large and their differences small
            both, own = count + len(steps), steps.mean(0)
            squares += ((steps - own) ** 2).sum(0) + (own - mean) ** 2 * (count * len(steps) / both)
            mean += (own - mean) * (len(steps) / both)
            count, largest = both, np.maximum(largest, np.abs(steps).max(0))
        if count == 0:
            raise ValueError(f"no window to train on has numbers of {', '.join(names)}")
        deviation = np.sqrt(squares / count)
        deviation = np.where(deviation > LEAST_SHARE * largest, deviation, 1.0)
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
        windows = (numbers_of(value, len(self.names)) for value in values)
        standardised = [each if isinstance(each, Fault) else self.standardised(each) for each in windows]
        return [each if isinstance(each, Fault) else each.reshape(-1) for each in standardised]

    def standardised(self, steps: Steps) -> Steps | Fault:
        """In float32; computed in float64. A Fault for numbers so far from the mean that float32 cannot hold a loss."""
        with np.errstate(over="ignore"):
            exact = (steps - np.array(self.mean)) / np.array(self.deviation)
        place = np.unravel_index(np.abs(exact).argmax(), exact.shape)
        if np.abs(exact[place]) > FARTHEST:
            variable = place[1]
            return Fault(
                "too far from the training data",
                f"{self.names[variable]} is {steps[place]:g}, more than {FARTHEST:g} deviations from the mean of the training "
                f"data (mean {self.mean[variable]:.4g}, deviation {self.deviation[variable]:.4g})",
            )
        standardised: Steps = exact.astype(np.float32)
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
