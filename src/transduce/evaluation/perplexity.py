"""Perplexity of right answers under a model."""

import math


def perplexity(log_probability: float, tokens: int) -> float:
    """exp(-log_probability / tokens) for natural log-probabilities summed over `tokens` tokens, end tokens included.

    `perplexity(-2 * math.log(8), 2)` is 8, that of a uniform choice of eight. inf for a value that exceeds a float.
    Raises ValueError for no tokens, and for a sum that is NaN or above 0.
    """
    if tokens < 1:
        raise ValueError(f"perplexity needs at least 1 token, found {tokens}")
    if not log_probability <= 0:
        raise ValueError(f"a sum of log-probabilities is at most 0, found {log_probability}")
    try:
        return math.exp(-log_probability / tokens)
    except OverflowError:
        return math.inf
