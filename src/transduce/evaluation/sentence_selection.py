"""Selection of sentences to inspect: the worst by a metric, and those on which two systems differ most."""

import numpy as np
from jaxtyping import Float

from transduce.evaluation.metric import Metric

FOR_SENTENCES = (
    "chrf",
    "chrf++",
    "ter",
    "token-error-rate",
    "character-error-rate",
    "word-error-rate",
    "bleu",
    "exact-match",
    "accuracy",
    "mae",
    "rmse",
)


def sentence_metric(names: list[str]) -> str:
    """The most informative of the metrics for single sentences."""
    return min(names, key=lambda name: FOR_SENTENCES.index(name) if name in FOR_SENTENCES else len(FOR_SENTENCES))


def worst(metric: Metric, values: Float[np.ndarray, " N"], most: int) -> list[int]:
    """Places of the worst values, the worst first; ties keep their order. NaN is left out."""
    keys = np.where(np.isnan(values), np.inf, values if metric.higher_is_better else -values)
    return [int(place) for place in np.argsort(keys, kind="stable")[:most] if not np.isnan(values[place])]


def most_different(first: Float[np.ndarray, " N"], second: Float[np.ndarray, " N"], most: int) -> list[int]:
    """Places with the largest differences between two systems, the largest first. Equal values are left out."""
    gap = np.nan_to_num(np.abs(first - second), nan=0.0)
    return [int(place) for place in np.argsort(-gap, kind="stable")[:most] if gap[place] > 0]
