"""All segmentations of many words into pieces, computed for all words at once.

Letters: W words, S spans, t offset of a span within its word, k its length; offsets and lengths in characters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LONGEST_PIECE = 16


@dataclass(frozen=True)
class Lattice:
    """The spans of up to 16 characters of W words, in blocks. The longest words come first.

    Block (t, k) has the span of k characters at offset t of each word with at least t + k characters. These are the first
    `reaching[t + k]` words, in their order. The block begins at `begin[t, k]`. For the words "abc" and "ab":

        block  (0,1)  (0,2)  (0,3)  (1,1)  (1,2)  (2,1)
        spans  a a    ab ab  abc    b b    bc     c           reaching = 2 2 2 1 0,  size = 9

    Values and piece numbers of spans are flat arrays of length `size`.
    """

    reaching: Int[np.ndarray, " _"]  # by number of characters
    begin: Int[np.ndarray, "_ _"]
    size: int

    @property
    def longest(self) -> int:
        """Characters of the longest word."""
        return len(self.begin)

    def blocks_at(self, t: int) -> Iterator[tuple[int, slice]]:
        """The blocks at an offset: k and the slice of the flat arrays."""
        for k in range(1, min(LONGEST_PIECE, self.longest - t) + 1):
            yield k, slice(int(self.begin[t, k]), int(self.begin[t, k] + self.reaching[t + k]))

    def ending(self, length: int) -> slice:
        """The words of exactly this length."""
        return slice(int(self.reaching[length + 1]), int(self.reaching[length]))


def lattice_of(lengths: Int[np.ndarray, " W"]) -> Lattice:
    """The lattice of words with these lengths, which must be positive and not increase."""
    longest = int(lengths[0])
    reaching = np.searchsorted(-lengths, -np.arange(longest + 2), side="right")
    begin = np.zeros((longest, LONGEST_PIECE + 1), dtype=np.int64)
    size = 0
    for t in range(longest):
        for k in range(1, min(LONGEST_PIECE, longest - t) + 1):
            begin[t, k] = size
            size += int(reaching[t + k])
    return Lattice(reaching, begin, size)


def posterior(lattice: Lattice, values: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """The probability of each span, where the probability of a segmentation is proportional to the product of its values.

    The word "ab" with the values 0.1 for a, 0.2 for b and 0.06 for ab: "a b" has 0.02 and "ab" 0.06, so that the
    posteriors are 0.25, 0.25 and 0.75.
    """
    forward = _forward(lattice, values)
    share = 1 / _at_ends(lattice, forward)
    backward = [np.zeros(count) for count in lattice.reaching[:-1]]
    result = np.empty_like(values)
    for length in range(1, lattice.longest + 1):
        backward[length][lattice.ending(length)] = 1
    for t in reversed(range(lattice.longest)):
        for k, block in lattice.blocks_at(t):
            onwards = values[block] * backward[t + k]
            count = len(onwards)
            backward[t][:count] += onwards
            result[block] = forward[t][:count] * onwards * share[:count]
    return result


def best(lattice: Lattice, scores: Float[np.ndarray, " S"]) -> Float[np.ndarray, " W"]:
    """For each word, the highest sum of scores of a segmentation."""
    highest = [np.full(count, -np.inf) for count in lattice.reaching[:-1]]
    highest[0][:] = 0
    for t in range(lattice.longest):
        for k, block in lattice.blocks_at(t):
            np.maximum(highest[t + k], highest[t][: len(highest[t + k])] + scores[block], out=highest[t + k])
    return _at_ends(lattice, highest)


def _forward(lattice: Lattice, values: Float[np.ndarray, " S"]) -> list[Float[np.ndarray, " _"]]:
    """For each n, the total over the first n characters of each word with at least n characters."""
    totals = [np.zeros(count) for count in lattice.reaching[:-1]]
    totals[0][:] = 1
    for t in range(lattice.longest):
        for k, block in lattice.blocks_at(t):
            totals[t + k] += totals[t][: len(totals[t + k])] * values[block]
    return totals


def _at_ends(lattice: Lattice, by_length: list[Float[np.ndarray, " _"]]) -> Float[np.ndarray, " W"]:
    result = np.empty(int(lattice.reaching[0]))
    for length in range(1, lattice.longest + 1):
        words = lattice.ending(length)
        result[words] = by_length[length][words]
    return result
