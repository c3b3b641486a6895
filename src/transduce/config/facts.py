"""Facts of a setting beside its type and its description."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Number = int | float  # `float` alone admits no int where annotations are checked at run time


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Stands in a field's annotation: `steps: Annotated[int, "updates", Fact(at_least=1, resume=True)]`.

    at_least, above, at_most, below: the range of a number (None and other values that are no numbers are in every range).
    resume: `--resume` may change it.
    automatic: data and budget decide where it is left out.
    size: the number of weights depends on it; where it is given, no network is chosen.
    free: it may differ from the model that a run starts from, as the weights do not depend on it.
    noise: two passes over a batch in training differ by it.
    prepared: the prepared data depend on it.
    unprepared: of a task: the prepared data do not depend on it.
    measure: it changes the measure by which runs are compared, so that a search may not vary it.

    A fact of a table holds for every key in it.
    """

    at_least: Number | None = None
    above: Number | None = None
    at_most: Number | None = None
    below: Number | None = None
    resume: bool = False
    automatic: bool = False
    size: bool = False
    free: bool = False
    noise: bool = False
    prepared: bool = False
    unprepared: bool = False
    measure: bool = False

    def complaint(self, value: object) -> str:
        """`must be at least 1, found 0`; "" for a value in the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        inside = all(limit is None or compare(value, limit) for _, compare, limit in self._limits)
        return "" if inside else f"must be {self.range}, found {value}"

    @property
    def _limits(self) -> Sequence[tuple[str, Callable[[Number, Number], bool], Number | None]]:
        return (
            ("at least", operator.ge, self.at_least),
            ("above", operator.gt, self.above),
            ("at most", operator.le, self.at_most),
            ("below", operator.lt, self.below),
        )

    @property
    def range(self) -> str:
        """`1 to 1,000`, `at least 0 and below 1`; "" where there is none."""
        if self.at_least is not None and self.at_most is not None:
            return f"{_number(self.at_least)} to {_number(self.at_most)}"
        return " and ".join(f"{word} {_number(limit)}" for word, _, limit in self._limits if limit is not None)


def _number(limit: Number) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"
