"""Calibration of a model: its accuracy against its confidence."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

BINS = 15  # as in the tables of Guo et al. 2017


@dataclass(frozen=True)
class Bin:
    """The tokens with a confidence above `low` and at most `high`: their number, mean confidence, and share right."""

    low: float
    high: float
    tokens: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy, in bins of equal width; empty bins are left out.

    expected_error: expected calibration error (Guo et al. 2017, 1706.04599), the mean over tokens of the difference
    between accuracy and confidence of their bin, from 0 (calibrated) to 1.
    """

    bins: tuple[Bin, ...]
    tokens: int
    confidence: float
    accuracy: float
    expected_error: float


def calibrate(confidence: Float[np.ndarray, " N"], right: Bool[np.ndarray, " N"], bins: int = BINS) -> Calibration:
    """Calibration from the probability of a model's first choice at each token, and whether that choice is right.

    ValueError for no tokens and for confidences outside of 0 to 1.
    """
    if len(confidence) == 0:
        raise ValueError("calibration needs at least 1 token, found none")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("confidences must be probabilities, from 0 to 1")
    belongs = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    tokens = np.bincount(belongs, minlength=bins)
    sure = np.bincount(belongs, weights=confidence, minlength=bins)
    hits = np.bincount(belongs, weights=right.astype(np.float64), minlength=bins)
    full_bins = tuple(
        Bin(place / bins, (place + 1) / bins, int(count), float(sure[place] / count), float(hits[place] / count))
        for place, count in enumerate(tokens)
        if count
    )
    error = float(np.abs(hits - sure).sum() / len(confidence))
    return Calibration(full_bins, len(confidence), float(confidence.mean()), float(right.mean()), error)
