"""Whether a difference between two systems is more than chance: resampling of the sentences of a test set.

Both tests and the intervals take statistics of sentences (`Metric.statistics`), so that they work for every metric.
For BLEU, chrF and TER they give the p-values of sacreBLEU's `significance.PairedTest`, from the same draws, in memory
that does not grow with their number. There is one exception: differences as large as the observed one count as evidence
that it is chance, as the definition of a p-value has it (Phipson and Smyth 2010, 1603.05766). sacreBLEU counts only
larger ones, by which a system differs from its own copy at p = 0.001, and by randomisation from a copy with one
sentence changed.

Letters: N sentences, S sufficient statistics, R resamples or trials.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from transduce.evaluation.metric import Metric

SEED = 12345
RESAMPLES = 1_000  # of the bootstrap
TRIALS = 10_000  # of the randomisation test
BLOCK = 32  # draws held at once; numpy makes 32 truth values of one word, so blocks of 32 rows come out as one big draw
SAME = 1e-9  # percent: differences this close are equal, apart from rounding

Statistics = Float[np.ndarray, "N S"]
Sums = Float[np.ndarray, "R S"]


@dataclass(frozen=True)
class Interval:
    """Where a value lies in 95 % of the resamples."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """One metric of two systems on the same sentences.

    difference: the other's value minus the baseline's, and its 95 % interval.
    bootstrap_p: paired bootstrap resampling (Koehn 2004). The share of resamples whose difference is larger than the
        mean one by at least the observed one. It takes the observed direction for granted: a one-sided test, which
        calls 1 in 10 pairs of equal systems different at p < 0.05.
    randomisation_p: paired approximate randomisation (Riezler and Maxwell 2005). How often a difference this large, in
        either direction, comes about where outputs are swapped between the systems at random: a two-sided test, for
        which that is 1 in 20.
    """

    metric: str
    baseline: float
    other: float
    interval: Interval | None
    bootstrap_p: float
    randomisation_p: float

    @property
    def difference(self) -> float:
        return self.other - self.baseline


def interval(metric: Metric, statistics: Statistics, resamples: int = RESAMPLES) -> Interval | None:
    """95 % interval of a metric's value, by the bootstrap (Efron 1979); None where it is not defined."""
    return _middle(metric.values(bootstrap(statistics, resamples)))


def compare(
    metric: Metric, baseline: Statistics, other: Statistics, resamples: int = RESAMPLES, trials: int = TRIALS
) -> Comparison:
    """Compares two systems by the statistics of the same sentences in the same order."""
    assert baseline.shape == other.shape, f"{baseline.shape} and {other.shape} are not of the same sentences"
    first, second = (float(metric.values(each.sum(0, keepdims=True))[0]) for each in (baseline, other))
    observed = abs(second - first)
    both = bootstrap(np.concatenate([baseline, other], axis=1), resamples)
    half = baseline.shape[1]
    resampled = metric.values(both[:, half:]) - metric.values(both[:, :half])
    swapped = randomise(baseline, other, trials)
    shuffled = metric.values(swapped[0]) - metric.values(swapped[1])
    return Comparison(
        metric.name,
        first,
        second,
        _middle(resampled),
        _bootstrap_p(resampled, observed, len(baseline)),
        _share(np.abs(shuffled[np.isfinite(shuffled)]), observed),
    )


def bootstrap(statistics: Statistics, resamples: int, seed: int = SEED) -> Sums:
    """Sums over as many sentences as there are, drawn with replacement, `resamples` times."""
    draw = np.random.default_rng(seed)
    sentences = len(statistics)
    rows = []
    for size in _blocks(resamples):
        chosen = draw.choice(sentences, size=(size, sentences), replace=True)
        chosen += np.arange(size)[:, None] * sentences
        counts = np.bincount(chosen.ravel(), minlength=size * sentences).reshape(size, sentences)
        rows.append(counts @ statistics)
    return np.concatenate(rows)


def randomise(baseline: Statistics, other: Statistics, trials: int, seed: int = SEED) -> tuple[Sums, Sums]:
    """Sums of two systems that each have, for every sentence, the output of one or the other by the toss of a coin."""
    draw = np.random.default_rng(seed)
    differ = (baseline != other).any(1)
    change = (baseline - other)[differ]
    rows = []
    for size in _blocks(trials):
        kept: Bool[np.ndarray, "R N"] = draw.integers(2, size=(size, len(baseline)), dtype=bool)
        rows.append(kept[:, differ].astype(np.float64) @ change)
    first = other.sum(0) + np.concatenate(rows)
    return first, baseline.sum(0) + other.sum(0) - first


def _blocks(count: int) -> Iterator[int]:
    for begin in range(0, count, BLOCK):
        yield min(BLOCK, count - begin)


def _middle(values: Float[np.ndarray, " R"]) -> Interval | None:
    """Without the 40th of the values at each end."""
    found = np.sort(values[np.isfinite(values)])
    if len(found) == 0:
        return None
    cut = len(found) // 40
    return Interval(float(found[cut]), float(found[-1 - cut]))


def _bootstrap_p(differences: Float[np.ndarray, " R"], observed: float, sentences: int) -> float:
    if sentences == 1:
        return 1.0  # every resample is the same: nothing can be said
    sizes = np.abs(differences[np.isfinite(differences)])
    return _share(sizes - sizes.mean(), observed) if len(sizes) else 1.0


def _share(values: Float[np.ndarray, " R"], observed: float) -> float:
    """Of those at least as large, the observed one counted among them, so that p is never 0."""
    return float((np.count_nonzero(values >= observed - SAME) + 1) / (len(values) + 1))
