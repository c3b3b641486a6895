"""Learns the pieces of a unigram language model (Kudo 2018, "Subword Regularization", 1804.10959).

Every repeated substring of the words is a candidate. Expectation maximisation estimates their probabilities. Rounds of
pruning then drop the candidates with the least effect on the likelihood, until `size` pieces remain.

This module does not use the trainer of the `tokenizers` library, for two reasons. The trainer visits words in the order
of a randomly seeded hash map, so that rounding decides between equal pieces and runs differ. It also counts each distinct
word once in its search for candidates, so that it misses every frequent word that is not part of another word.

Letters: M pieces, m some of them, P = M + 1: probabilities have one more place, 0 for the spans that are no piece.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from transduce.text.learn.candidates import Candidates, candidates
from transduce.text.learn.lattice import best, lattice_of, posterior

SEEDS = 400_000  # candidates at the start
SHRINK = 0.75  # share of the pieces that a round keeps
CLOSE = 1.1  # times `size`: with fewer pieces the last round drops the rest
STEPS = 2  # of expectation maximisation per round
LEAST_COUNT = 0.5  # expected count below which a piece is dropped


def learn(words: Mapping[str, int], alphabet: list[str], size: int) -> dict[str, float]:
    """`size` pieces with their log-probabilities, or all that the words support if those are fewer.

    `words`: word -> count, with characters of the alphabet. The pieces include the alphabet, which has at most `size`
    characters. The most probable pieces come first.
    """
    substrings = candidates(words, alphabet)
    probability, least = _seed(substrings), 0
    while True:
        for _ in range(STEPS):
            expected = _expect(substrings, probability)
            probability = _maximise(expected, len(alphabet), least)
        alive = int(np.count_nonzero(probability))
        if alive <= size:
            return _scores(substrings, probability)
        least = size
        target = int(alive * SHRINK)
        probability = _prune(substrings, probability, expected, target if target > CLOSE * size else size)


def _seed(substrings: Candidates) -> Float[np.ndarray, " P"]:
    """Initial probabilities: the share of the text that each candidate covers."""
    coverage = substrings.frequency * substrings.length
    letters = len(substrings.alphabet)
    coverage[letters + np.argsort(-coverage[letters:], kind="stable")[SEEDS:]] = 0
    return np.append(coverage / coverage.sum(), 0)


def _expect(substrings: Candidates, probability: Float[np.ndarray, " P"]) -> Float[np.ndarray, " M"]:
    """The expected count of each piece in the text."""
    share = posterior(substrings.lattice, probability[substrings.piece])
    for t in range(substrings.lattice.longest):
        for _, block in substrings.lattice.blocks_at(t):
            share[block] *= substrings.counts[: block.stop - block.start]
    return np.bincount(substrings.piece, share, len(probability))[:-1]


def _maximise(expected: Float[np.ndarray, " M"], letters: int, least: int) -> Float[np.ndarray, " P"]:
    """Probabilities from expected counts, with the prior of the paper's implementation, which favours few pieces.

    The alphabet stays, and at least `least` pieces.
    """
    survives = expected >= LEAST_COUNT
    survives[:letters] = True
    others = np.flatnonzero(~survives)
    survives[others[np.argsort(-expected[others], kind="stable")[: max(0, least - int(survives.sum()))]]] = True
    counts = np.maximum(expected[survives], LEAST_COUNT)
    probability = np.zeros(len(expected) + 1)
    probability[:-1][survives] = np.exp(_digamma(counts) - _digamma(counts.sum(keepdims=True)))
    return probability


def _prune(
    substrings: Candidates, probability: Float[np.ndarray, " P"], expected: Float[np.ndarray, " M"], keep: int
) -> Float[np.ndarray, " P"]:
    """Keeps the alphabet and the pieces with the largest effect on the likelihood, `keep` in total.

    Without a piece, its best segmentation into other pieces would replace it.
    """
    letters = len(substrings.alphabet)
    score = np.full(len(probability), -np.inf)
    np.log(probability, out=score, where=probability > 0)
    pieces = letters + np.flatnonzero(probability[letters:])
    pieces = pieces[np.argsort(-substrings.length[pieces], kind="stable")]
    loss = expected[pieces] * (score[pieces] - _without_itself(substrings, score, pieces))
    survives = np.zeros(len(probability), dtype=bool)
    survives[:letters] = True
    survives[pieces[np.argsort(-loss, kind="stable")[: keep - letters]]] = True
    remaining: Float[np.ndarray, " P"] = np.where(survives, probability / probability[survives].sum(), 0)
    return remaining


def _without_itself(
    substrings: Candidates, score: Float[np.ndarray, " P"], pieces: Int[np.ndarray, " m"]
) -> Float[np.ndarray, " m"]:
    """The score of each piece's best segmentation into others. The longest of `pieces` come first."""
    length, word, offset = substrings.length[pieces], substrings.word[pieces], substrings.offset[pieces]
    lattice = lattice_of(length)
    scores = np.empty(lattice.size)
    for t in range(lattice.longest):
        for k, block in lattice.blocks_at(t):
            count = block.stop - block.start
            span = substrings.lattice.begin[offset[:count] + t, k] + word[:count]
            scores[block] = np.where(length[:count] == k, -np.inf, score[substrings.piece[span]])
    return best(lattice, scores)


def _scores(substrings: Candidates, probability: Float[np.ndarray, " P"]) -> dict[str, float]:
    """Log-probabilities, rounded because the last digits differ between processors."""
    scores = {substrings.text(n): round(float(np.log(probability[n])), 6) for n in np.flatnonzero(probability).tolist()}
    return dict(sorted(scores.items(), key=lambda entry: (-entry[1], entry[0])))


def _digamma(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The derivative of log gamma: six steps of recurrence, then the asymptotic series; to 1e-9 for x >= 0.5."""
    result: Float[np.ndarray, " n"] = np.zeros(len(x))
    for step in range(6):
        result -= 1 / (x + step)
    x = x + 6
    inverse = 1 / (x * x)
    result += np.log(x) - 0.5 / x - inverse * (1 / 12 - inverse * (1 / 120 - inverse / 252))
    return result
