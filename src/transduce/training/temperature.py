"""The temperature with which probabilities fit given answers best (Guo et al. 2017, 1706.04599).

Letters: R units (target tokens, rows) of one piece, V choices.
"""

import math
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

LOWEST, HIGHEST = 1 / 3, 3.0
HALVINGS = 14  # of the range between them: four digits
SPREAD = 0.3  # of the logarithm of T before any unit is seen

Piece = tuple[Float[Tensor, "_ V"], Int[Tensor, " _"]]  # logits and right choices


def best_temperature(pieces: Sequence[Piece]) -> float:
    """The temperature T, within LOWEST to HIGHEST, at which softmax(logits / T) gives the right choices the highest
    likelihood, together with a normal distribution of log T around 0: a few units alone would give an extreme T.

    The negative log-likelihood is convex in 1 / T, so that the sign of its slope tells on which side the minimum is.
    """
    if not all(bool(logits.isfinite().all()) for logits, _ in pieces):
        return 1.0  # weights that have diverged
    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        prior = math.log(middle) / SPREAD**2  # d/d log(1/T) of log(T)^2 / (2 SPREAD^2)
        if prior + middle * sum(_slope(logits, targets, middle) for logits, targets in pieces) > 0:
            high = middle
        else:
            low = middle
    return 1 / math.sqrt(low * high)


def _slope(logits: Float[Tensor, "R V"], targets: Int[Tensor, " R"], inverse: float) -> float:
    """d/db of -log softmax(b * logits)[target], summed: the expected logit less that of the target."""
    expected = ((logits * inverse).softmax(-1) * logits).sum(-1)
    own = logits.gather(1, targets[:, None])[:, 0]
    return float((expected - own).double().sum())
