"""Error rates by edits between outputs and references, and exact match."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from rapidfuzz.distance import Levenshtein

from transduce.evaluation.metric import References, check, collapsed, reference_count


def _parts(text: str) -> list[str]:
    return collapsed(text).split()


# Tokens and words are cut alike, at whitespace, so both rates of a text are equal. "Token" is for outputs whose parts
# are symbols (the phonemes of "K AE T"), "word" for text, as in speech recognition.
UNITS: dict[str, Callable[[str], Sequence[str]]] = {"token": _parts, "word": _parts, "character": collapsed}


@dataclass(frozen=True)
class ErrorRate:
    """Levenshtein edits per 100 units of the reference: insertions, deletions and substitutions, each counted once.

    rate = 100 * sum of edits to the nearest reference / sum of that reference's length. The nearest reference has the
    fewest edits; of several it is the longest. Texts are compared after NFC; case and punctuation count.
    Units are "token" and "word", both whatever whitespace separates, or "character", code points with single spaces
    between the words. The rate exceeds 100 where outputs are much too long; it is not defined where all nearest
    references are empty.
    """

    name: str
    unit: str
    higher_is_better: ClassVar[bool] = False
    costly: ClassVar[bool] = False

    def statistics(self, hypotheses: Sequence[str], references: References) -> Float[np.ndarray, "N 2"]:
        """Edits to the nearest reference, and its length; see `Metric.statistics`."""
        check(hypotheses, references)
        split = UNITS[self.unit]
        rows = [
            nearest_reference(split(hypothesis), [split(answer) for answer in answers])
            for hypothesis, answers in zip(hypotheses, references, strict=True)
        ]
        return np.array(rows, dtype=np.float64)

    def values(self, sums: Float[np.ndarray, "R 2"]) -> Float[np.ndarray, " R"]:
        """See `Metric.values`."""
        return _percent(sums)

    def signature(self, references: References) -> str:
        """See `Metric.signature`."""
        return f"nrefs:{reference_count(references) or 'var'}|refs:nearest|unit:{self.unit}|case:mixed|norm:nfc"


def nearest_reference(hypothesis: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Edits to the nearest reference, and its length: `nearest_reference("ab", ["abcd", "b", "abc"]) == (1, 3)`."""
    distances = [(Levenshtein.distance(hypothesis, answer), -len(answer)) for answer in references]
    edits, negative_length = min(distances)
    return edits, -negative_length


@dataclass(frozen=True)
class ExactMatch:
    """Share of outputs, in percent, that equal one of their references, up to NFC and the width of whitespace.

    100 minus this is the word error rate of pronunciation tables, where an output is one word.
    """

    name: ClassVar[str] = "exact-match"
    higher_is_better: ClassVar[bool] = True
    costly: ClassVar[bool] = False

    def statistics(self, hypotheses: Sequence[str], references: References) -> Float[np.ndarray, "N 2"]:
        """Whether it is right, and a 1 to count it; see `Metric.statistics`."""
        check(hypotheses, references)
        right = [
            collapsed(hypothesis) in {collapsed(answer) for answer in answers}
            for hypothesis, answers in zip(hypotheses, references, strict=True)
        ]
        return np.stack([np.array(right, dtype=np.float64), np.ones(len(right))], axis=1)

    def values(self, sums: Float[np.ndarray, "R 2"]) -> Float[np.ndarray, " R"]:
        """See `Metric.values`."""
        return _percent(sums)

    def signature(self, references: References) -> str:
        """See `Metric.signature`."""
        return f"nrefs:{reference_count(references) or 'var'}|refs:any|case:mixed|norm:nfc"


def _percent(sums: Float[np.ndarray, "R 2"]) -> Float[np.ndarray, " R"]:
    """100 * first / second column; NaN where the second is 0."""
    percent = np.full(len(sums), np.nan)
    defined = sums[:, 1] > 0
    percent[defined] = 100 * sums[defined, 0] / sums[defined, 1]
    return percent
