"""What a metric takes and gives."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Score:
    """A metric's value over a corpus, in percent. The signature names everything the value depends on."""

    name: str
    value: float
    signature: str
    higher_is_better: bool

    def __str__(self) -> str:
        return f"{self.name} {self.value:.2f} ({self.signature})"


class Metric(Protocol):
    """One way to compare outputs with references, over a whole corpus."""

    @property
    def name(self) -> str: ...

    @property
    def higher_is_better(self) -> bool: ...

    def compute(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
        """`references[i]` are the right answers to hypothesis i: one or more, not the same number for each.

        Raises ValueError for no hypotheses, unequal counts, and a hypothesis without a reference.
        """
        ...


def check(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Raise ValueError unless each of at least one hypothesis has at least one reference."""
    if len(hypotheses) == 0:
        raise ValueError("there is nothing to score: no hypotheses were given")
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses but references for {len(references)}: give one entry for each")
    for number, answers in enumerate(references, start=1):
        if isinstance(answers, str):
            raise ValueError(f"the references of hypothesis {number} must be a list, found the string {answers!r}")
        if len(answers) == 0:
            raise ValueError(f"hypothesis {number} has no reference: give at least one for each")


def reference_count(references: Sequence[Sequence[str]]) -> str:
    """The number of references per hypothesis as signatures write it: "1", "2", or "var" where it varies."""
    counts = {len(answers) for answers in references}
    return str(counts.pop()) if len(counts) == 1 else "var"


def collapsed(text: str) -> str:
    """NFC, with one space for each run of whitespace and none at the ends: what counts as the same text."""
    return " ".join(unicodedata.normalize("NFC", text).split())
