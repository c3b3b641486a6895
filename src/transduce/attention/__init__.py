"""Attention: weights = normalise(score(q, k) + bias, mask), output = weights @ v."""
