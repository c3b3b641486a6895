"""Edits between outputs and references, and outputs without any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rapidfuzz.distance import Levenshtein

from transduce.evaluation.score import Score, check, collapsed, reference_count


def _parts(text: str) -> list[str]:
    return collapsed(text).split()


# Tokens and words are cut alike, at whitespace, so both rates of a text are equal. "Token" is for outputs whose parts
# are symbols (the phonemes of "K AE T"), "word" for text, as in speech recognition.
UNITS: dict[str, Callable[[str], Sequence[str]]] = {"token": _parts, "word": _parts, "character": collapsed}


@dataclass(frozen=True)
class ErrorRate:
    """Levenshtein edits per 100 units of the reference: insertions, deletions and substitutions, each counted once.

    rate = 100 * sum of edits to the nearest reference / sum of that reference's length. The nearest reference has the
    fewest edits, and of equally near ones it is the longest. Texts are compared after NFC; case and punctuation count.
    Units are "token" and "word", both whatever whitespace separates, or "character", code points with single spaces
    between the words. The rate exceeds 100 where outputs are much too long.
    """

    name: str
    unit: str
    higher_is_better: ClassVar[bool] = False

    def compute(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
        """See `Metric.compute`. Also raises ValueError where all nearest references are empty: no rate is defined."""
        check(hypotheses, references)
        split = UNITS[self.unit]
        edits = length = 0
        for hypothesis, answers in zip(hypotheses, references, strict=True):
            more_edits, more_length = nearest_reference(split(hypothesis), [split(answer) for answer in answers])
            edits += more_edits
            length += more_length
        if length == 0:
            raise ValueError(f"the {self.name} is not defined: every nearest reference is empty")
        signature = f"nrefs:{reference_count(references)}|refs:nearest|unit:{self.unit}|case:mixed|norm:nfc"
        return Score(self.name, 100 * edits / length, signature, higher_is_better=False)


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

    def compute(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
        """See `Metric.compute`."""
        check(hypotheses, references)
        right = sum(
            collapsed(hypothesis) in {collapsed(answer) for answer in answers}
            for hypothesis, answers in zip(hypotheses, references, strict=True)
        )
        signature = f"nrefs:{reference_count(references)}|refs:any|case:mixed|norm:nfc"
        return Score(self.name, 100 * right / len(hypotheses), signature, higher_is_better=True)
