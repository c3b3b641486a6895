"""Metrics of numbers: mean absolute error and root mean squared error, in the units of the data.

A prediction and its reference list numbers as a series column does: spaces between steps, commas between variables.
Letters: N records.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from transduce.data.records import counted
from transduce.evaluation.metric import References, check, reference_count


@dataclass(frozen=True)
class MeanAbsoluteError:
    """Mean of |predicted - right| over all numbers of all records. Of several references the first counts."""

    name: ClassVar[str] = "mae"
    higher_is_better: ClassVar[bool] = False
    costly: ClassVar[bool] = False

    def statistics(self, hypotheses: Sequence[str], references: References) -> Float[np.ndarray, "N S"]:
        """The sum of the errors and the number of numbers of each record (N, 2); see `Metric.statistics`."""
        return np.array([(abs(each).sum(), len(each)) for each in _errors(hypotheses, references)], float)

    def values(self, sums: Float[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
        """See `Metric.values`; not in percent."""
        return _mean(sums)

    def signature(self, references: References) -> str:
        """See `Metric.signature`."""
        return f"nrefs:{reference_count(references) or 'var'}|units:data"


@dataclass(frozen=True)
class RootMeanSquaredError(MeanAbsoluteError):
    """Square root of the mean of (predicted - right)^2 over all numbers of all records."""

    name: ClassVar[str] = "rmse"

    def statistics(self, hypotheses: Sequence[str], references: References) -> Float[np.ndarray, "N S"]:
        """The sum of the squared errors and the number of numbers of each record (N, 2)."""
        return np.array([((each**2).sum(), len(each)) for each in _errors(hypotheses, references)], float)

    def values(self, sums: Float[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
        values: Float[np.ndarray, " R"] = np.sqrt(_mean(sums))
        return values


def _mean(sums: Float[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
    mean = np.full(len(sums), np.nan)
    np.divide(sums[:, 0], sums[:, 1], out=mean, where=sums[:, 1] > 0)
    return mean


def _errors(hypotheses: Sequence[str], references: References) -> list[Float[np.ndarray, " M"]]:
    """Of each record the differences. ValueError for texts that are not equally many numbers."""
    check(hypotheses, references)
    errors = []
    for number, (predicted, answers) in enumerate(zip(hypotheses, references, strict=True), 1):
        own, right = _numbers(predicted, f"prediction {number}"), _numbers(answers[0], f"reference {number}")
        if len(own) != len(right):
            raise ValueError(
                f"prediction {number} has {counted(len(own), 'number')}, but its reference has {len(right):,}"
            )
        errors.append(own - right)
    return errors


def _numbers(text: str, name: str) -> Float[np.ndarray, " M"]:
    try:
        return np.array(text.replace(",", " ").split(), float)
    except ValueError:
        raise ValueError(f"{name} must list numbers such as 1.5 2.25, found {text[:60]!r}") from None
