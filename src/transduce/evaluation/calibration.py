"""Calibration of a model: its accuracy against its confidence."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from transduce.evaluation.significance import RESAMPLES, SEED, Interval

BINS = 10
ENOUGH = 5_000  # units of a test set from which the error needs no interval


@dataclass(frozen=True)
class Bin:
    """Some of the units, sorted by confidence: the lowest and highest confidence, their number, the mean, the share right."""

    low: float
    high: float
    tokens: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy, in bins of equal count.

    expected_error: expected calibration error (Guo et al. 2017, 1706.04599; with equal counts: Nguyen and O'Connor 2015,
    1508.05154), the mean over units of the difference between accuracy and confidence of their bin, from 0 (calibrated)
    to 1. interval: that of 95 % of the resamples of a test set that is small; chance alone gives it an error above 0.
    """

    bins: tuple[Bin, ...]
    tokens: int
    confidence: float
    accuracy: float
    expected_error: float
    interval: Interval | None = None


def calibrate(
    confidence: Float[np.ndarray, " N"], right: Bool[np.ndarray, " N"], bins: int = BINS, enough: int = ENOUGH
) -> Calibration:
    """Calibration from the probability of a model's first choice at each unit, and whether that choice is right.

    With fewer than `enough` units the error has an interval. ValueError for no units and for confidences outside of 0 to 1.
    """
    if len(confidence) == 0:
        raise ValueError("calibration needs at least 1 token, found none")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("confidences must be probabilities, from 0 to 1")
    order = np.argsort(confidence, kind="stable")
    sure, hits = confidence[order], right[order].astype(np.float64)
    full_bins = tuple(
        Bin(float(part[0]), float(part[-1]), len(part), float(part.mean()), float(own.mean()))
        for part, own in zip(_parts(sure, bins), _parts(hits, bins), strict=True)
    )
    interval = None if len(sure) >= enough else _interval(sure, hits, bins)
    error = _error(sure, hits, bins)
    return Calibration(full_bins, len(sure), float(sure.mean()), float(hits.mean()), error, interval)


def _parts(values: Float[np.ndarray, " N"], bins: int) -> list[Float[np.ndarray, " M"]]:
    """As equal parts as whole numbers allow."""
    return np.array_split(values, min(bins, len(values)))


def _error(sure: Float[np.ndarray, " N"], hits: Float[np.ndarray, " N"], bins: int) -> float:
    gaps = (abs(part.sum()) for part in _parts(hits - sure, bins))
    return float(sum(gaps) / len(sure))


def _interval(sure: Float[np.ndarray, " N"], hits: Float[np.ndarray, " N"], bins: int) -> Interval:
    """Of the error over resamples of the units (a bootstrap)."""
    draw = np.random.default_rng(SEED)
    places = (np.sort(draw.integers(0, len(sure), len(sure))) for _ in range(RESAMPLES))
    errors = [_error(sure[each], hits[each], bins) for each in places]
    low, high = np.quantile(errors, (0.025, 0.975))
    return Interval(float(low), float(high))
