"""Metrics of labels: accuracy, macro-averaged F1, and the confusion matrix.

Letters: N rows, C classes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from transduce.evaluation.error_rates import ExactMatch
from transduce.evaluation.metric import References, check, collapsed, reference_count


@dataclass(frozen=True)
class Accuracy(ExactMatch):
    """Share of labels, in percent, that are right: exact match under its name in classification."""

    name: ClassVar[str] = "accuracy"


@dataclass(frozen=True)
class MacroF1:
    """Mean over the classes of the references of F1 = 2 tp / (2 tp + fp + fn), in percent.

    Every class counts alike, however rare. A predicted label that no reference has is a miss of the right class and
    adds no class: the value equals scikit-learn's `f1_score(average="macro", labels=<labels of the references>)`.
    Labels are equal as in `Accuracy`: up to NFC and the width of white space.
    Where a row has several right labels, the prediction is compared with itself if it is one of them, else with the first.
    """

    name: ClassVar[str] = "macro-f1"
    higher_is_better: ClassVar[bool] = True
    costly: ClassVar[bool] = False

    def statistics(self, hypotheses: Sequence[str], references: References) -> Float[np.ndarray, "N S"]:
        """True positives, false positives and false negatives by class (N, 3 C); see `Metric.statistics`."""
        check(hypotheses, references)
        hypotheses, references = _collapsed(hypotheses, references)
        right = right_labels(hypotheses, references)
        labels = sorted({label for answers in references for label in answers})  # the same whatever the predictions
        classes = {label: number for number, label in enumerate(labels)}
        counts = np.zeros((len(hypotheses), 3, len(classes)))
        for row, (predicted, label) in enumerate(zip(hypotheses, right, strict=True)):
            if predicted == label:
                counts[row, 0, classes[label]] = 1
                continue
            counts[row, 2, classes[label]] = 1
            if predicted in classes:
                counts[row, 1, classes[predicted]] = 1
        return counts.reshape(len(hypotheses), -1)

    def values(self, sums: Float[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
        """See `Metric.values`. Classes without a reference in a part of the rows are left out of its mean."""
        true, false, missed = sums.reshape(len(sums), 3, -1).transpose(1, 0, 2)
        occurs = true + missed > 0
        f1 = np.divide(2 * true, 2 * true + false + missed, out=np.zeros_like(true), where=occurs)
        classes = occurs.sum(1)
        mean = np.full(len(sums), np.nan)
        np.divide(100 * f1.sum(1), classes, out=mean, where=classes > 0)
        return mean

    def signature(self, references: References) -> str:
        """See `Metric.signature`."""
        return f"nrefs:{reference_count(references) or 'var'}|average:macro|classes:references"


@dataclass(frozen=True)
class Confusion:
    """counts[i][j]: rows of class i (from the references) that were predicted as class j."""

    classes: tuple[str, ...]
    counts: Int[np.ndarray, "C C"]

    def most_confused(self, most: int) -> list[tuple[str, str, int]]:
        """The pairs (right, predicted, rows) that are confused most often."""
        wrong = self.counts - np.diag(np.diag(self.counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [divmod(int(place), len(self.classes)) for place in order]
        return [(self.classes[i], self.classes[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j]]


def confusion_matrix(hypotheses: Sequence[str], references: References) -> Confusion:
    """Counts over the labels of references and predictions, the most frequent class first.

    >>> confusion_matrix(["a", "b", "b"], [["a"], ["a"], ["b"]]).counts.tolist()
    [[1, 1], [0, 1]]
    """
    check(hypotheses, references)
    hypotheses, references = _collapsed(hypotheses, references)
    right = right_labels(hypotheses, references)
    frequency = Counter(right)
    classes = sorted({*right, *hypotheses}, key=lambda label: (-frequency[label], label))
    places = {label: number for number, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, ([places[label] for label in right], [places[label] for label in hypotheses]), 1)
    return Confusion(tuple(classes), counts)


def _collapsed(hypotheses: Sequence[str], references: References) -> tuple[list[str], list[list[str]]]:
    """The labels as accuracy compares them: NFC, with single spaces and none at the ends."""
    return [collapsed(label) for label in hypotheses], [
        [collapsed(label) for label in answers] for answers in references
    ]


def right_labels(hypotheses: Sequence[str], references: References) -> list[str]:
    """The label that each prediction is compared with: itself where it is among the right ones, else the first."""
    return [
        predicted if predicted in answers else answers[0]
        for predicted, answers in zip(hypotheses, references, strict=True)
    ]
