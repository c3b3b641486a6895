"""Finished outputs, and the token ids that a search must know."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SpecialIds:
    """Ids with a meaning in decoding. A search generates `end`, never `pad`, `start` (unless they equal `end`), `unknown`, the
    token of words outside the vocabulary, where there is one, or another of the ids `without_text`, such as tags.
    """

    pad: int
    start: int
    end: int
    unknown: int | None = None
    without_text: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for name in ("pad", "start", "end"):
            if getattr(self, name) < 0:
                raise ValueError(f"the {name} id must be at least 0, found {getattr(self, name)}")

    @property
    def banned(self) -> tuple[int, ...]:
        """Ids that no output may hold."""
        unknown = set() if self.unknown is None else {self.unknown}
        return tuple(sorted({self.pad, self.start, *unknown, *self.without_text} - {self.end}))


@dataclass(frozen=True)
class Hypothesis:
    """One output, without its prompt. `ids` leaves out the prompt and the end token.

    score: outputs rank by it, log-probability / length^alpha, where length counts the end token too. With a
        repetition penalty the log-probabilities are those of the penalised distribution; the coverage penalty is added.
    log_probability: natural logarithm of the model's probability of the output given its prompt and inputs.
    ended: whether the model ended it; False at the limit.
    token_log_probabilities: the terms of log_probability, one for each id and, where `ended`, the end token.
    """

    ids: tuple[int, ...]
    score: float
    log_probability: float
    ended: bool
    token_log_probabilities: tuple[float, ...]

    @classmethod
    def of(cls, tokens: list[int], log_probs: list[float], score: float, end: int) -> "Hypothesis":
        """The output `tokens`, the last of which may be the end token, each with its log-probability."""
        ended = tokens[-1] == end
        return cls(tuple(tokens[:-1] if ended else tokens), score, math.fsum(log_probs), ended, tuple(log_probs))
