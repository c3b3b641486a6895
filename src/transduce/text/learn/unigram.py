"""Learns the pieces of a unigram language model (Kudo 2018, "Subword Regularization", 1804.10959).

Every repeated substring of the words is a candidate. Expectation maximisation gives each a probability; then those that
the likelihood misses least are dropped, round by round, until the wanted number is left.

The trainer of the `tokenizers` library is not used here. It visits words in the order of a randomly seeded hash map,
so that rounding decides between pieces of equal worth and no two runs agree; and it counts each distinct word once
while it looks for candidates, so that it overlooks every word, however frequent, that is no part of another.

Letters: M pieces, m some of them, P = M + 1: probabilities have one more place, 0 for the spans that are no piece.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from transduce.text.learn.candidates import Candidates, candidates
from transduce.text.learn.lattice import best, lattice_of, posterior

SEEDS = 400_000  # candidates that enter
SHRINK = 0.75  # share of the pieces that a round keeps
CLOSE = 1.1  # times the wanted number, from where the last round drops the rest
STEPS = 2  # of expectation maximisation per round
LEAST_COUNT = 0.5  # pieces that are expected less often go


def learn(words: Mapping[str, int], alphabet: list[str], wanted: int) -> dict[str, float]:
    """The wanted number of pieces with their log-probabilities, or all that the words support where those are fewer.

    `words` are made of the alphabet and given with their counts; the pieces include the alphabet, which is no larger
    than `wanted`. The most probable come first.
    """
    found = candidates(words, alphabet)
    probability, least = _seed(found), 0
    while True:
        for _ in range(STEPS):
            expected = _expect(found, probability)
            probability = _maximise(expected, len(alphabet), least)
        alive = int(np.count_nonzero(probability))
        if alive <= wanted:
            return _scores(found, probability)
        least = wanted
        kept = int(alive * SHRINK)
        probability = _prune(found, probability, expected, kept if kept > CLOSE * wanted else wanted)


def _seed(found: Candidates) -> Float[np.ndarray, " P"]:
    """Probabilities to begin with: the share of the text that each candidate covers."""
    covered = found.frequency * found.length
    letters = len(found.alphabet)
    covered[letters + np.argsort(-covered[letters:], kind="stable")[SEEDS:]] = 0
    return np.append(covered / covered.sum(), 0)


def _expect(found: Candidates, probability: Float[np.ndarray, " P"]) -> Float[np.ndarray, " M"]:
    """How often each piece is expected in the text."""
    share = posterior(found.lattice, probability[found.piece])
    for t in range(found.lattice.longest):
        for _, block in found.lattice.blocks_at(t):
            share[block] *= found.counts[: block.stop - block.start]
    return np.bincount(found.piece, share, len(probability))[:-1]


def _maximise(expected: Float[np.ndarray, " M"], letters: int, least: int) -> Float[np.ndarray, " P"]:
    """Probabilities from expected counts, under the prior of the paper's implementation, which favours few pieces.

    The alphabet stays, and no fewer than `least` pieces do.
    """
    kept = expected >= LEAST_COUNT
    kept[:letters] = True
    others = np.flatnonzero(~kept)
    kept[others[np.argsort(-expected[others], kind="stable")[: max(0, least - int(kept.sum()))]]] = True
    counts = np.maximum(expected[kept], LEAST_COUNT)
    probability = np.zeros(len(expected) + 1)
    probability[:-1][kept] = np.exp(_digamma(counts) - _digamma(counts.sum(keepdims=True)))
    return probability


def _prune(
    found: Candidates, probability: Float[np.ndarray, " P"], expected: Float[np.ndarray, " M"], keep: int
) -> Float[np.ndarray, " P"]:
    """Keeps the alphabet and the pieces whose loss would lower the likelihood most, `keep` in all.

    Without a piece, the text would be cut there as the piece itself is best cut into others.
    """
    letters = len(found.alphabet)
    score = np.full(len(probability), -np.inf)
    np.log(probability, out=score, where=probability > 0)
    pieces = letters + np.flatnonzero(probability[letters:])
    pieces = pieces[np.argsort(-found.length[pieces], kind="stable")]
    loss = expected[pieces] * (score[pieces] - _without_itself(found, score, pieces))
    kept = np.zeros(len(probability), dtype=bool)
    kept[:letters] = True
    kept[pieces[np.argsort(-loss, kind="stable")[: keep - letters]]] = True
    remaining: Float[np.ndarray, " P"] = np.where(kept, probability / probability[kept].sum(), 0)
    return remaining


def _without_itself(
    found: Candidates, score: Float[np.ndarray, " P"], pieces: Int[np.ndarray, " m"]
) -> Float[np.ndarray, " m"]:
    """The score of each piece's best segmentation into others. `pieces` stand longest first."""
    length, word, offset = found.length[pieces], found.word[pieces], found.offset[pieces]
    lattice = lattice_of(length)
    scores = np.empty(lattice.size)
    for t in range(lattice.longest):
        for k, block in lattice.blocks_at(t):
            count = block.stop - block.start
            span = found.lattice.begin[offset[:count] + t, k] + word[:count]
            scores[block] = np.where(length[:count] == k, -np.inf, score[found.piece[span]])
    return best(lattice, scores)


def _scores(found: Candidates, probability: Float[np.ndarray, " P"]) -> dict[str, float]:
    """Rounded, since the last digits mean nothing and differ between processors."""
    scores = {found.text(n): round(float(np.log(probability[n])), 6) for n in np.flatnonzero(probability).tolist()}
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
