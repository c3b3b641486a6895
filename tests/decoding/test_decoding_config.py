"""The [decoding] table."""

from typing import Any

import pytest

from transduce.decoding.config import Decoding
from transduce.decoding.strategies.sampling import Sampling


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"beam": 0}, "beam must be 1 to 1,000, found 0"),
        ({"n_best": 0}, "n-best must be 1 to 1,000,000, found 0"),
        ({"beam": 2, "n_best": 3}, r"n-best must be at most beam \(2\), found 3"),
        ({"alpha": -0.1}, "alpha must be 0 to 10, found -0.1"),
        ({"alpha": float("nan")}, "alpha must be 0 to 10"),
        ({"max_ratio": float("inf")}, "max-ratio must be 0 to 1,000"),
        ({"max_length": 0}, "max-length must be 1 to 100,000"),
        ({"max_extra": 0}, "max-extra must be 1 to 100,000"),
        ({"batch_tokens": -4}, "batch-tokens must be 1 to 100,000,000, found -4"),
        ({"min_length": -1}, "min-length must be 0 to 100,000, found -1"),
        ({"min_length": 30, "max_length": 20}, r"min-length must be at most max-length \(20\), found 30"),
        ({"no_repeat_ngram": -2}, "no-repeat-ngram must be 0 to 100,000, found -2"),
        ({"repetition_penalty": 0.5}, "repetition-penalty must be 1 to 1,000, found 0.5"),
        ({"coverage_penalty": -0.2}, "coverage-penalty must be 0 to 1,000, found -0.2"),
        ({"coverage_penalty": float("inf")}, "coverage-penalty must be 0 to 1,000"),
        ({"diversity": 0.5}, "diversity must be 0 where there is one group, found 0.5; set groups"),
        ({"groups": 2}, "diversity must be above 0 with 2 groups"),
        ({"groups": 3, "diversity": 1.0}, r"groups must divide beam \(4\) evenly, found 3"),
        ({"groups": 8, "diversity": 1.0}, r"groups must divide beam \(4\) evenly, found 8"),
        ({"groups": 2, "diversity": 1.0, "sampling": Sampling()}, "groups must be 1 with sampling"),
        ({"diversity": 1.0, "sampling": Sampling()}, "diversity must be 0 where there is one group"),
    ],
)
def test_values_out_of_range_name_the_key(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Decoding(**fields)


def test_the_limit_rule() -> None:
    assert Decoding(max_ratio=2.0).limit(3) == 56  # the docstring's example
    assert [Decoding(max_length=20, max_ratio=1.5, max_extra=4).limit(n) for n in (0, 1, 3, 10, 1000)] == [
        4, 5, 8, 19, 20
    ]  # fmt: skip


def test_defaults_leave_room_for_long_words_in_characters() -> None:
    assert Decoding().limit(1) >= len("antidisestablishmentarianism") + 1


def test_greedy_keeps_the_rules_and_leaves_what_only_a_beam_needs() -> None:
    how = Decoding(6, 0.5, 3, min_length=4, no_repeat_ngram=3, coverage_penalty=0.2, groups=3, diversity=0.4)
    assert how.greedy() == Decoding(1, 0.5, 1, min_length=4, no_repeat_ngram=3)
    assert Decoding(n_best=9, sampling=Sampling()).greedy() == Decoding(beam=1)
