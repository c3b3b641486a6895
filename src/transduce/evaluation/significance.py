"""Significance of the difference between two systems, by resampling of the sentences of a test set.

Both tests and the intervals take statistics of sentences (`Metric.statistics`), so that they work for every metric.
For BLEU, chrF and TER they give the p-values of sacreBLEU's `significance.PairedTest`, from the same random numbers, in
memory independent of their number. There is one exception: differences equal to the observed one count as evidence for
chance, by the definition of a p-value (Phipson and Smyth 2010, 1603.05766). sacreBLEU counts only larger ones, so that
a system differs from its own copy at p = 0.001, and in the randomisation test from a copy with one changed sentence.

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
BLOCK = 32  # resamples in memory; numpy makes 32 truth values of one word, so blocks of 32 rows equal one big draw
SAME = 1e-9  # percent: smaller differences are rounding

Statistics = Float[np.ndarray, "N S"]
Sums = Float[np.ndarray, "R S"]


@dataclass(frozen=True)
class Interval:
    """The range of a value in 95 % of the resamples."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """One metric of two systems on the same sentences.

    difference: the other's value minus the baseline's, and its 95 % interval.
    bootstrap_p: paired bootstrap resampling (Koehn 2004). The share of resamples whose difference is larger than the
        mean one by at least the observed one. It assumes the observed direction: a one-sided test, which calls
        1 in 10 pairs of equal systems different at p < 0.05.
    randomisation_p: paired approximate randomisation (Riezler and Maxwell 2005). The share of random swaps of outputs
        between the systems that give a difference this large in either direction: a two-sided test, which calls 1 in 20
        pairs of equal systems different at p < 0.05.
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
    """95 % interval of a metric's value, by the bootstrap (Efron 1979); None if it is not defined."""
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
    swaps = randomise(baseline, other, trials)
    differences = metric.values(swaps[0]) - metric.values(swaps[1])
    return Comparison(
        metric.name,
        first,
        second,
        _middle(resampled),
        _bootstrap_p(resampled, observed, len(baseline)),
        _share(np.abs(differences[np.isfinite(differences)]), observed),
    )


def bootstrap(statistics: Statistics, resamples: int, seed: int = SEED) -> Sums:
    """Sums over N sentences, sampled with replacement, `resamples` times."""
    draw = np.random.default_rng(seed)
    sentences = len(statistics)
    rows = []
    for size in _blocks(resamples):
        places = draw.choice(sentences, size=(size, sentences), replace=True)
        places += np.arange(size)[:, None] * sentences
        counts = np.bincount(places.ravel(), minlength=size * sentences).reshape(size, sentences)
        rows.append(counts @ statistics)
    return np.concatenate(rows)


def randomise(baseline: Statistics, other: Statistics, trials: int, seed: int = SEED) -> tuple[Sums, Sums]:
    """Sums of two systems with the outputs of every sentence swapped or not, at random."""
    draw = np.random.default_rng(seed)
    differ = (baseline != other).any(1)
    change = (baseline - other)[differ]
    rows = []
    for size in _blocks(trials):
        from_baseline: Bool[np.ndarray, "R N"] = draw.integers(2, size=(size, len(baseline)), dtype=bool)
        rows.append(from_baseline[:, differ].astype(np.float64) @ change)
    first = other.sum(0) + np.concatenate(rows)
    return first, baseline.sum(0) + other.sum(0) - first


def _blocks(count: int) -> Iterator[int]:
    for begin in range(0, count, BLOCK):
        yield min(BLOCK, count - begin)


def _middle(values: Float[np.ndarray, " R"]) -> Interval | None:
    """The range of the values without a 40th at each end."""
    finite = np.sort(values[np.isfinite(values)])
    if len(finite) == 0:
        return None
    cut = len(finite) // 40
    return Interval(float(finite[cut]), float(finite[-1 - cut]))


def _bootstrap_p(differences: Float[np.ndarray, " R"], observed: float, sentences: int) -> float:
    if sentences == 1:
        return 1.0  # all resamples are equal
    sizes = np.abs(differences[np.isfinite(differences)])
    return _share(sizes - sizes.mean(), observed) if len(sizes) else 1.0


def _share(values: Float[np.ndarray, " R"], observed: float) -> float:
    """The share of values at least as large as the observed one, which counts too, so that p is never 0."""
    return float((np.count_nonzero(values >= observed - SAME) + 1) / (len(values) + 1))
