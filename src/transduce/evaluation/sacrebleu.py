"""BLEU, chrF and TER as sacreBLEU computes them (Post 2018, 1804.08771)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from transduce.evaluation.metric import References, check, reference_count


@dataclass(frozen=True)
class SacreBleu:
    """A metric of sacreBLEU with its own defaults, which the signature names.

    It uses the statistics of sentences, and values from their sums, of sacreBLEU's significance tests.
    """

    name: str
    make: Callable[[], BLEU | CHRF | TER]
    higher_is_better: bool = True
    costly: bool = False

    def statistics(self, hypotheses: Sequence[str], references: References) -> Float[np.ndarray, "N S"]:
        """See `Metric.statistics`."""
        check(hypotheses, references)
        streams: Any = _streams(references)  # sacreBLEU takes None for a missing reference; its annotation forgets it
        return np.array(self.make()._extract_corpus_statistics(list(hypotheses), streams), dtype=np.float64)

    def values(self, sums: Float[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
        """See `Metric.values`."""
        metric = self.make()
        return np.array([metric._compute_score_from_stats(row).score for row in sums.tolist()], dtype=np.float64)

    def signature(self, references: References) -> str:
        """sacreBLEU's signature."""
        metric = self.make()
        metric.num_refs = reference_count(references) or -1  # sacreBLEU's value for a varying number
        return str(metric.get_signature())


def _streams(references: References) -> list[list[str | None]]:
    """sacreBLEU's order: stream r holds the r-th reference of every hypothesis, or None where it has fewer.

    `_streams([["a", "b"], ["c"]]) == [["a", "c"], ["b", None]]`
    """
    most = max(len(answers) for answers in references)
    return [[answers[r] if r < len(answers) else None for answers in references] for r in range(most)]
