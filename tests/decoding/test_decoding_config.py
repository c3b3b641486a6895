"""The [decoding] table."""

from typing import Any

import pytest

from transduce.decoding.config import Decoding


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
