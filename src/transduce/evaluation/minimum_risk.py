"""Minimum Bayes risk: the candidate that is most similar to all candidates, by chrF.

For samples of a model the mean estimates the expected chrF of a candidate against the model's outputs (Eikema and Aziz
2020, 2005.10283; Freitag et al. 2022, 2111.09388); the weights of an n-best list are its probabilities (Kumar and Byrne
2004).

Letters: N candidates, all different; F features of one n-gram order.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

ORDER, BETA = 6, 2  # sacreBLEU's chrF2: characters without white space, n-grams up to 6, recall counted twice
BLOCK = 1 << 22  # entries of a matrix in memory


def choose(candidates: Sequence[str], weights: Sequence[float] | None = None) -> int:
    """The place of the candidate with the highest mean sentence chrF against all, each `weights[i]` times (default 1).

        choose(["a cat", "the cat sat", "the cat sits"])  ->  1

    Equal candidates count as one with the sum of their weights; the first of several best ones wins. The mean includes the
    candidate itself, which does not change the choice between samples.
    """
    merged: dict[str, float] = {}
    for candidate, weight in zip(candidates, weights or [1.0] * len(candidates), strict=True):
        merged[candidate] = merged.get(candidate, 0.0) + weight
    if len(merged) == 1:
        return 0
    expected = chrf_of_all_pairs(list(merged)) @ np.array(list(merged.values()))
    best = list(merged)[int(expected.argmax())]
    return list(candidates).index(best)


def chrf_of_all_pairs(texts: Sequence[str]) -> Float[np.ndarray, "N N"]:
    """sacreBLEU's sentence chrF, in percent, of each text (row) with each text (column) as its reference."""
    stripped = ["".join(text.split()) for text in texts]
    precision, recall = np.zeros((2, len(texts), len(texts)))
    orders = np.zeros((len(texts), len(texts)))
    for order in range(1, ORDER + 1):
        totals = np.array([max(0, len(text) - order + 1) for text in stripped], dtype=float)
        matches = _matches(stripped, order)
        # an order counts if both texts are long enough for it
        orders += (totals[:, None] > 0) & (totals[None, :] > 0)
        precision += matches / np.maximum(totals, 1)[:, None]
        recall += matches / np.maximum(totals, 1)[None, :]
    precision, recall = precision / np.maximum(orders, 1), recall / np.maximum(orders, 1)
    below = BETA**2 * precision + recall
    return 100 * (1 + BETA**2) * precision * recall / np.where(below > 0, below, 1)


def _matches(texts: Sequence[str], order: int) -> Float[np.ndarray, "N N"]:
    """For every pair of texts, the number of common n-grams, each with the smaller of its two counts.

    min(a, b) is the number of k with a >= k and b >= k: with a feature "has the n-gram at least k times" for each
    n-gram and k, all pairs are one product of a matrix of zeros and ones.
    """
    rows, columns = _features(texts, order)
    matches = np.zeros((len(texts), len(texts)))
    width = max(1, BLOCK // len(texts))
    by_column = np.argsort(columns, kind="stable")
    rows, columns = rows[by_column], columns[by_column]
    last = int(columns[-1]) + 1 if len(columns) else 0
    for start in range(0, last, width):
        inside = slice(*np.searchsorted(columns, [start, start + width]))
        block = np.zeros((len(texts), min(width, last - start)), dtype=np.float32)
        block[rows[inside], columns[inside] - start] = 1
        matches += block @ block.T  # whole numbers below 2^24: exact
    return matches


def _features(texts: Sequence[str], order: int) -> tuple[Int[np.ndarray, " E"], Int[np.ndarray, " E"]]:
    """Rows and columns of the ones in the matrix, N x F: the features of each text."""
    numbers: dict[tuple[str, int], int] = {}
    features = [[numbers.setdefault(feature, len(numbers)) for feature in _gram_counts(text, order)] for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(each) for each in features])
    return rows, np.array([number for each in features for number in each], dtype=np.int64)


def _gram_counts(text: str, order: int) -> Iterator[tuple[str, int]]:
    """Each n-gram with 1, 2, ... up to its count: "aa" + "ba" has ("a", 1), ("a", 2), ("a", 3), ("b", 1)."""
    counts = Counter(text[start : start + order] for start in range(len(text) - order + 1))
    return ((gram, number) for gram, count in counts.items() for number in range(1, count + 1))
