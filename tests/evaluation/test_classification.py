"""Accuracy, macro-F1 and the confusion matrix against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from transduce.evaluation import classification
from transduce.evaluation.classification import Accuracy, MacroF1
from transduce.evaluation.metric import measure
from transduce.evaluation.significance import compare

ROWS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdz")), min_size=1, max_size=40)


@given(ROWS)
def test_metrics_agree_with_scikit_learn(rows: list[tuple[str, str]]) -> None:
    right, predicted = [pair[0] for pair in rows], [pair[1] for pair in rows]
    references = [[label] for label in right]
    classes = sorted(set(right))
    f1 = f1_score(right, predicted, average="macro", labels=classes, zero_division=0)
    assert measure(MacroF1(), predicted, references).value == pytest.approx(100 * f1)
    accuracy = measure(Accuracy(), predicted, references).value
    assert accuracy == pytest.approx(100 * accuracy_score(right, predicted))


@given(ROWS)
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_the_confusion_matrix_agrees_with_scikit_learn(rows: list[tuple[str, str]]) -> None:
    right, predicted = [pair[0] for pair in rows], [pair[1] for pair in rows]
    matrix = classification.confusion_matrix(predicted, [[label] for label in right])
    expected = confusion_matrix(right, predicted, labels=list(matrix.classes))
    np.testing.assert_array_equal(matrix.counts, expected)
    frequencies = [right.count(label) for label in matrix.classes]
    assert frequencies == sorted(frequencies, reverse=True)


def test_the_most_confused_pairs() -> None:
    matrix = classification.confusion_matrix(["b", "b", "a", "c"], [["a"], ["a"], ["a"], ["b"]])
    assert matrix.most_confused(5) == [("a", "b", 2), ("b", "c", 1)]


def test_one_of_several_right_labels_is_enough() -> None:
    assert measure(MacroF1(), ["b"], [["a", "b"]]).value == 100
    assert classification.right_labels(["c"], [["a", "b"]]) == ["a"]


def test_white_space_around_labels_counts_for_no_metric() -> None:
    hypotheses, references = ["a ", "b", "e\u0301"], [["a"], [" b\n"], ["\u00e9"]]
    assert measure(Accuracy(), hypotheses, references).value == measure(MacroF1(), hypotheses, references).value == 100
    assert classification.confusion_matrix(hypotheses, references).most_confused(1) == []


def test_systems_with_other_labels_can_be_compared() -> None:
    references = [[label] for label in "aabbcc"]
    metric = MacroF1()
    ours, theirs = metric.statistics(list("aabbcc"), references), metric.statistics(list("zzzabb"), references)
    assert compare(metric, ours, theirs).difference < -50
