"""Perplexity is the effective number of equally likely choices."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.evaluation.perplexity import perplexity


@given(choices=st.integers(1, 10**6), tokens=st.integers(1, 1000))
def test_a_uniform_model_is_as_perplexed_as_it_has_choices(choices: int, tokens: int) -> None:
    assert perplexity(-tokens * math.log(choices), tokens) == pytest.approx(choices)


def test_it_overflows_to_infinity() -> None:
    assert perplexity(-1e9, 1) == math.inf
    assert perplexity(-math.inf, 3) == math.inf


@pytest.mark.parametrize(("total", "tokens"), [(-1.0, 0), (1.0, 2), (math.nan, 2)])
def test_refusals(total: float, tokens: int) -> None:
    with pytest.raises(ValueError, match="found"):
        perplexity(total, tokens)
