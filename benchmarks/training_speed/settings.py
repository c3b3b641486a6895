"""What is compared: the sizes, and the settings that all systems share."""

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class Size:
    """A pre-norm encoder-decoder Transformer; all systems build the same one."""

    width: int
    heads: int
    feed_forward: int
    layers: int  # of the encoder, and as many of the decoder


SIZES = {"small": Size(256, 4, 1024, 4), "base": Size(512, 8, 2048, 6)}

VOCABULARY = 8000  # pieces both sides share, the four special ones included
MAX_LENGTH = 200  # pieces; longer pairs are left out for all
BATCH_TOKENS = 4096
DROPOUT = 0.1
LABEL_SMOOTHING = 0.1
LEARNING_RATE = 5e-4  # at its peak
WARMUP = 400
BETA1, BETA2 = 0.9, 0.98
CLIP_NORM = 1.0
MANY_UPDATES = 100_000  # what the systems are told; the observer ends a run long before


def noam_factor(width: int) -> float:
    """The factor with which factor * width^-0.5 * min(step^-0.5, step * WARMUP^-1.5) has its peak at LEARNING_RATE."""
    return LEARNING_RATE * sqrt(width * WARMUP)
