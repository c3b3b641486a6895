"""BLEU and chrF as sacreBLEU computes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from transduce.evaluation.score import Score, check


@dataclass(frozen=True)
class Bleu:
    """Corpus BLEU (Papineni et al. 2002) of plain text, tokenised by sacreBLEU's 13a rules (Post 2018, 1804.08771)."""

    name: ClassVar[str] = "bleu"
    higher_is_better: ClassVar[bool] = True

    def compute(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
        """See `Metric.compute`."""
        return _score(self.name, BLEU(), hypotheses, references)


@dataclass(frozen=True)
class Chrf:
    """Corpus chrF2: F score of character n-grams up to 6 (Popović 2015); it also credits parts of words."""

    name: ClassVar[str] = "chrf"
    higher_is_better: ClassVar[bool] = True

    def compute(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
        """See `Metric.compute`."""
        return _score(self.name, CHRF(), hypotheses, references)


def _score(name: str, metric: BLEU | CHRF, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
    check(hypotheses, references)
    streams: Any = _streams(references)  # sacreBLEU takes None for a missing reference; its annotation forgets it
    value = metric.corpus_score(list(hypotheses), streams).score
    return Score(name, float(value), str(metric.get_signature()), higher_is_better=True)


def _streams(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """sacreBLEU's order: stream r holds the r-th reference of every hypothesis, or None where it has fewer.

    `_streams([["a", "b"], ["c"]]) == [["a", "c"], ["b", None]]`
    """
    most = max(len(answers) for answers in references)
    return [[answers[r] if r < len(answers) else None for answers in references] for r in range(most)]
