"""Checks of the numbers that the parts of attention are built with."""

import math


def whole(name: str, value: int) -> None:
    """ValueError for a number with a fraction, and for a value that is no number."""
    if not isinstance(value, int) and not hasattr(value, "__index__"):
        raise ValueError(f"{name} must be a whole number, found {value!r}")


def at_least(name: str, value: int, least: int) -> None:
    """ValueError for a value below the least one, and for one that is no whole number."""
    whole(name, value)
    if value < least:
        raise ValueError(f"{name} must be at least {least}, found {value}")


def above_zero(name: str, value: float) -> None:
    """ValueError for 0, negative numbers, infinity and NaN."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, found {value}")
