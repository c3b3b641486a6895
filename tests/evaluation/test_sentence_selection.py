"""Worst and most different sentences come first, and those without a value never."""

import numpy as np

from transduce.evaluation.metrics import METRICS
from transduce.evaluation.sentence_selection import FOR_SENTENCES, most_different, sentence_metric, worst


def test_the_worst_are_low_scores_or_high_error_rates() -> None:
    values = np.array([30.0, 90.0, np.nan, 0.0, 30.0])
    assert worst(METRICS["chrf"], values, 10) == [3, 0, 4, 1]
    assert worst(METRICS["ter"], values, 2) == [1, 0]
    assert worst(METRICS["ter"], values[2:3], 2) == []


def test_the_most_different_in_either_direction() -> None:
    first, second = np.array([10.0, 50.0, 0.0, np.nan, 7.0]), np.array([20.0, 20.0, 0.0, 5.0, 7.5])
    assert most_different(first, second, 10) == [1, 0, 4]
    assert most_different(first, second, 1) == [1]
    assert most_different(first, first, 5) == []


def test_chrf_is_for_sentences_where_there_is_a_choice() -> None:
    assert sentence_metric(list(METRICS)) == "chrf"
    assert sentence_metric(["exact-match", "token-error-rate"]) == "token-error-rate"
    assert sentence_metric(["macro-f1", "accuracy"]) == "accuracy"  # F1 is a mean over classes, of which a row has one
    assert set(FOR_SENTENCES) == {name for name in METRICS if not name.startswith("bleu-")} - {"macro-f1"}
