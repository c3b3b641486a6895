"""What a search may change: keys of a run file, each with a range or a list of values.

training.learning-rate=1e-4..3e-3     a range; by factors where the upper end is ten times the lower or more
training.batch-tokens=512..4096       of whole numbers where the key takes such
model.dropout=0.0,0.1,0.3             values to choose from, as TOML has them; bare words are texts
"""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from transduce.config.toml import inline

LOG_FACTOR = 10  # of a range's ends, from where its values are drawn by factors instead of by differences
DIGITS = 4  # of a drawn number, so that people can read and copy it


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included."""

    key: str
    low: float | int
    high: float | int
    whole: bool = False

    @property
    def by_factors(self) -> bool:
        return self.low > 0 and self.high >= LOG_FACTOR * self.low

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that stand for all when it is checked whether the key takes them."""
        return self.low, self.high

    def holds(self, value: object) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # type: ignore[operator]

    def listed(self, value: Any) -> Any:
        """A value that it holds, as it names it."""
        return value

    def rounded(self, value: float | int) -> float | int:
        """A drawn number as it is used: `Range("a", 0.0, 1.0).rounded(0.123456) == 0.1235`."""
        if self.whole:
            return round(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True)
class Choices:
    """One of several values, as TOML has them; no order is assumed."""

    key: str
    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.values

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Each value in words of TOML, which are as different as the values."""
        return tuple(inline(value) for value in self.values)

    def holds(self, value: object) -> bool:
        return any(_same(each, value) for each in self.values)

    def listed(self, value: Any) -> Any:
        """The one of its values that this is."""
        return next(each for each in self.values if _same(each, value))


Dimension = Range | Choices


def _same(listed: object, value: object) -> bool:
    """Whether a run that has the value has the listed one: 0 is as good as 0.0."""
    if isinstance(value, float):
        return type(listed) in (int, float) and listed == value
    return inline(listed) == inline(value)


def parse(text: str, kinds: Mapping[str, str]) -> Dimension:
    """One `KEY=LOW..HIGH` or `KEY=A,B,...`; `kinds` says what each key of a run file takes, in words.

    ValueError for what is neither, for an empty or reversed range and for a single value.
    """
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not key or not values:
        raise ValueError(f"--over: expected KEY=LOW..HIGH or KEY=A,B,..., found {text!r}")
    low, dots, high = values.partition("..")
    if dots and "," not in values:
        return _range(key, low, high, kinds.get(key, "a number").startswith("a whole number"))
    choices = _choices(key, values)
    if len(choices.texts) != len(set(choices.texts)):
        raise ValueError(f"--over: {key} names a value twice: {values}")
    if len(choices.values) < 2:
        raise ValueError(f"--over: {key} has one value only; name several, or give it by --set {text}")
    return choices


def _range(key: str, low_text: str, high_text: str, whole: bool) -> Range:
    low, high = _number(key, low_text), _number(key, high_text)
    if low > high:
        raise ValueError(f"--over: the range of {key} is reversed; write {high_text.strip()}..{low_text.strip()}")
    if low == high:
        raise ValueError(f"--over: the range of {key} holds one value only, {low_text.strip()}; give it by --set")
    if not whole:
        return Range(key, float(low), float(high))
    if not (isinstance(low, int) and isinstance(high, int)):
        raise ValueError(f"--over: {key} takes whole numbers, found {low_text.strip()}..{high_text.strip()}")
    return Range(key, low, high, whole=True)


def _number(key: str, text: str) -> float | int:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"--over: the range of {key} must be LOW..HIGH with two numbers, found {text.strip()!r}")
    return value


def _choices(key: str, text: str) -> Choices:
    try:
        return Choices(key, tuple(tomllib.loads(f"value = [{text}]")["value"]))
    except ValueError:
        pass
    if re.search(r"[\[\]{}\"']", text):
        raise ValueError(f"--over: the values of {key} are not TOML: {text}")
    return Choices(key, tuple(_word(each.strip()) for each in text.split(",") if each.strip()))


def _word(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text


def combinations(dimensions: Sequence[Dimension]) -> float:
    """How many different settings there are; infinite where a range of fractions is among them."""
    count = 1.0
    for each in dimensions:
        if isinstance(each, Choices):
            count *= len(each.values)
        else:
            count *= each.high - each.low + 1 if each.whole else math.inf
    return count
