"""What comes out of a search, and the three token ids that a search must know."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SpecialIds:
    """Ids with a meaning in decoding. The search generates `end`, never `pad` or `start` (unless they equal `end`)."""

    pad: int
    start: int
    end: int

    def __post_init__(self) -> None:
        for name in ("pad", "start", "end"):
            if getattr(self, name) < 0:
                raise ValueError(f"the {name} id must be at least 0, found {getattr(self, name)}")

    @property
    def banned(self) -> tuple[int, ...]:
        """Ids that no output may hold."""
        return tuple(sorted({self.pad, self.start} - {self.end}))


@dataclass(frozen=True)
class Hypothesis:
    """One output. `ids` leaves out the start and the end token.

    log_probability: natural logarithm, summed over the ids and, where `ended`, the end token.
    score: log_probability / length^alpha, where length counts the end token too.
    ended: whether the model ended it; False if it was cut at its limit.
    """

    ids: tuple[int, ...]
    score: float
    log_probability: float
    ended: bool


def hypothesis(tokens: list[int], log_probability: float, score: float, end: int) -> Hypothesis:
    """The hypothesis of generated `tokens`, the last of which may be the end token."""
    ended = tokens[-1] == end
    return Hypothesis(tuple(tokens[:-1] if ended else tokens), score, log_probability, ended)
