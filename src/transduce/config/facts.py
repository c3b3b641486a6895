"""What is known of a setting beside its type and its description."""

from dataclasses import dataclass

Number = int | float  # `float` alone admits no int where annotations are checked at run time


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Stands in a field's annotation: `steps: Annotated[int, "updates", Fact(at_least=1, resume=True)]`.

    at_least, above, at_most, below: the range of a number (None, and what is no number, is in every range).
    resume: `--resume` may change it.
    automatic: the size of the data decides where it is left out.
    size: the number of weights depends on it; where it is given, no network is chosen by the size of the data.
    free: it may differ from the model that a run starts from, as the weights do not depend on it.
    noise: two passes over a batch in training differ by it.
    prepared: what is prepared depends on it.
    measure: it changes what runs are compared by, so that a search may not vary it.

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
    measure: bool = False

    def complaint(self, value: object) -> str:
        """`must be at least 1, found 0`; "" for a value in the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        inside = (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )
        return "" if inside else f"must be {self.range}, found {value}"

    @property
    def range(self) -> str:
        """`1 to 1,000`, `at least 0 and below 1`; "" where there is none."""
        if self.at_least is not None and self.at_most is not None:
            return f"{_number(self.at_least)} to {_number(self.at_most)}"
        limits = (
            ("at least", self.at_least),
            ("above", self.above),
            ("at most", self.at_most),
            ("below", self.below),
        )
        return " and ".join(f"{word} {_number(limit)}" for word, limit in limits if limit is not None)


def _number(limit: Number) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"
