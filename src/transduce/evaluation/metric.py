"""The protocol of metrics.

Letters: N sentences, S sufficient statistics, R rows of summed statistics.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from transduce.text.normal_forms import normal

References = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Score:
    """A metric's value over a corpus, in percent. The signature names everything the value depends on."""

    name: str
    value: float
    signature: str
    higher_is_better: bool

    def __str__(self) -> str:
        return f"{self.name} {self.value:.2f} ({self.signature})"


@runtime_checkable
class Metric(Protocol):
    """One way to compare outputs with references.

    A value is computed from sums over sentences. So the statistics of the sentences give the value of any part or resample
    of a corpus quickly: `metric.values(metric.statistics(outputs, references)[part].sum(0)[None])`.
    """

    @property
    def name(self) -> str: ...

    @property
    def higher_is_better(self) -> bool: ...

    @property
    def costly(self) -> bool:
        """Whether it is too slow for validations during training."""
        ...

    def statistics(self, hypotheses: Sequence[str], references: References) -> Float[np.ndarray, "N S"]:
        """The contribution of each sentence to the sums from which the value is computed.

        `references[i]` are the right answers to hypothesis i: one or more, not the same number for each.
        Raises ValueError for no hypotheses, unequal counts, and a hypothesis without a reference.
        """
        ...

    def values(self, sums: Float[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
        """The value for each row of summed statistics, in percent; NaN where it is not defined."""
        ...

    def signature(self, references: References) -> str:
        """All settings that determine the values against these references."""
        ...


def measure(metric: Metric, hypotheses: Sequence[str], references: References) -> Score:
    """The score over a whole corpus. ValueError as for `Metric.statistics`, and if the metric is not defined for it."""
    return corpus_score(metric, metric.statistics(hypotheses, references), references)


def corpus_score(metric: Metric, statistics: Float[np.ndarray, "N S"], references: References) -> Score:
    """The score from the statistics of all sentences. ValueError if the metric is not defined for them."""
    value = float(metric.values(statistics.sum(0, keepdims=True))[0])
    if math.isnan(value):
        raise ValueError(f"the {metric.name} is not defined: every nearest reference is empty")
    return Score(metric.name, value, metric.signature(references), metric.higher_is_better)


def check(hypotheses: Sequence[str], references: References) -> None:
    """Raise ValueError unless each of at least one hypothesis has at least one reference."""
    if len(hypotheses) == 0:
        raise ValueError("there is nothing to score: expected at least one hypothesis")
    if len(hypotheses) != len(references):
        raise ValueError(
            f"expected one entry of references for each hypothesis, found {len(references)} for {len(hypotheses)}"
        )
    for number, answers in enumerate(references, start=1):
        if isinstance(answers, str):
            raise ValueError(f"the references of hypothesis {number} must be a list, found the string {answers!r}")
        if len(answers) == 0:
            raise ValueError(f"hypothesis {number} has no reference: give at least one for each")


def reference_count(references: References) -> int | None:
    """The number of references per hypothesis; None if it varies."""
    counts = {len(answers) for answers in references}
    return counts.pop() if len(counts) == 1 else None


def collapsed(text: str) -> str:
    """NFC, with one space for each run of whitespace and none at the ends: equal for texts that count as the same."""
    return " ".join(normal("NFC", text).split())
