"""Expected calibration error against its definition, and for models whose calibration is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.evaluation.calibration import calibrate


def by_definition(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Equation 3 of Guo et al. 2017 with bins of equal count: |B_m| / n * |acc(B_m) - conf(B_m)|."""
    ranking = sorted(zip(confidence, right, strict=True), key=lambda each: each[0])
    size, extra = divmod(len(ranking), min(bins, len(ranking)))
    error, begin = 0.0, 0
    for m in range(min(bins, len(ranking))):
        inside = ranking[begin : begin + size + (m < extra)]
        begin += len(inside)
        gap = abs(np.mean([hit for _, hit in inside]) - np.mean([sure for sure, _ in inside]))
        error += len(inside) / len(ranking) * gap
    return error


@given(
    pairs=st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=60),
    bins=st.sampled_from([1, 7, 15]),
)
def test_the_error_is_as_defined(pairs: list[tuple[int, bool]], bins: int) -> None:
    confidence = np.array([(thousandth + 0.37) / 1001 for thousandth, _ in pairs])
    right = np.array([hit for _, hit in pairs])
    found = calibrate(confidence, right, bins, enough=1)
    assert found.expected_error == pytest.approx(by_definition(confidence, right, bins))
    assert sum(each.tokens for each in found.bins) == found.tokens == len(pairs)
    assert max(each.tokens for each in found.bins) - min(each.tokens for each in found.bins) <= 1
    assert found.accuracy == pytest.approx(right.mean())
    for each in found.bins:
        assert each.low - 1e-12 <= each.confidence <= each.high + 1e-12


def test_the_surest_and_the_least_sure() -> None:
    assert calibrate(np.array([1.0, 1.0]), np.array([True, True])).expected_error == 0
    assert calibrate(np.array([1.0, 1.0]), np.array([False, False])).expected_error == 1


def test_a_small_test_set_has_an_interval() -> None:
    draw = np.random.default_rng(0)
    confidence = draw.uniform(0, 1, 1_000)
    right = draw.uniform(size=1_000) < confidence**1.5
    interval = calibrate(confidence, right).interval
    assert interval is not None
    assert interval.low < calibrate(confidence, right).expected_error < interval.high < interval.low + 0.1
    assert calibrate(confidence, right, enough=1_000).interval is None


def test_a_calibrated_model_has_little_error_and_a_boastful_one_much() -> None:
    draw = np.random.default_rng(0)
    confidence = draw.uniform(0, 1, 50_000)
    assert calibrate(confidence, draw.uniform(size=50_000) < confidence).expected_error < 0.015
    boastful = calibrate(confidence, draw.uniform(size=50_000) < confidence**2)
    assert boastful.expected_error == pytest.approx(1 / 2 - 1 / 3, abs=0.015)  # the mean of c - c^2


@pytest.mark.parametrize(
    ("confidence", "message"), [([], "at least 1 token"), ([1.5], "from 0 to 1"), ([float("nan")], "from 0 to 1")]
)
def test_refusals(confidence: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibrate(np.array(confidence, dtype=np.float64), np.zeros(len(confidence), dtype=bool))
