"""Counts of dropped and changed records, with the first places of each."""

from dataclasses import dataclass, field
from typing import Any

from transduce.data.records import counted

EXAMPLES = 3
EXCERPT = 120  # characters


class Tally:
    """Counts by reason.

    >>> tally = Tally()
    >>> tally.add("empty side", "train.tsv:7")
    >>> tally.tree()
    {'empty side': {'count': 1, 'examples': [{'where': 'train.tsv:7'}]}}
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._examples: dict[str, list[dict[str, str]]] = {}

    def add(self, reason: str, where: str, text: str = "") -> None:
        """Count one more `reason`; the first few become examples, with place and a short excerpt."""
        count = self.counts.get(reason, 0)
        self.counts[reason] = count + 1
        if count < EXAMPLES:
            example = {"where": where, "text": text[:EXCERPT]} if text else {"where": where}
            self._examples.setdefault(reason, []).append(example)

    def examples(self, reason: str) -> list[dict[str, str]]:
        """The first places of a reason: [{"where": "file:line", "text": excerpt}]."""
        return self._examples.get(reason, [])

    def __str__(self) -> str:
        """The counts, for a message: "empty side, 1,200 times; not JSON, 1 time"."""
        return "; ".join(f"{reason}, {counted(count, 'time')}" for reason, count in self.counts.items())

    def tree(self) -> dict[str, Any]:
        """{reason: {"count": n, "examples": [{"where": "file:line", "text": excerpt}]}}, as in the report."""
        return {reason: {"count": count, "examples": self._examples[reason]} for reason, count in self.counts.items()}


@dataclass(frozen=True)
class Findings:
    """Results of reading: the records that are dropped, changes and oddities to report to the owner, and warnings."""

    dropped: Tally = field(default_factory=Tally)
    noted: Tally = field(default_factory=Tally)
    warnings: list[str] = field(default_factory=list)
