"""Checks of the numbers that the parts of attention are built with."""

import math


def at_least(name: str, value: int, least: int) -> None:
    """ValueError for a value below the least one."""
    if value < least:
        raise ValueError(f"{name} must be at least {least}, found {value}")


def above_zero(name: str, value: float) -> None:
    """ValueError for 0, negative numbers, infinity and NaN."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, found {value}")
