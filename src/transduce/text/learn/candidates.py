"""Search for the repeated substrings of words, which are the candidates for pieces.

Letters: A characters of the alphabet, W words, S spans, M pieces.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from transduce.text.learn.counts import affordable
from transduce.text.learn.lattice import LONGEST_PIECE, Lattice, lattice_of

MOST_SPANS = 10_000_000  # of all words; the rarest words are left out
LEAST_REPEATS = 2  # of a candidate


@dataclass(frozen=True)
class Candidates:
    """Every repeated substring of some words, with numbers: first the alphabet, then by length."""

    alphabet: tuple[str, ...]
    words: tuple[str, ...]
    counts: Float[np.ndarray, " W"]
    lattice: Lattice
    piece: Int[np.ndarray, " S"]  # number of the piece of each span; M for a span that is no piece
    length: Int[np.ndarray, " M"]
    word: Int[np.ndarray, " M"]  # one occurrence of the piece: number of the word
    offset: Int[np.ndarray, " M"]  # and offset in characters
    frequency: Float[np.ndarray, " M"]

    def text(self, number: int) -> str:
        """The characters of a piece."""
        if number < len(self.alphabet):
            return self.alphabet[number]
        word, begin = self.words[int(self.word[number])], int(self.offset[number])
        return word[begin : begin + int(self.length[number])]


@dataclass(frozen=True)
class _Level:
    """The pieces of one length."""

    word: Int[np.ndarray, " m"]
    offset: Int[np.ndarray, " m"]
    frequency: Float[np.ndarray, " m"]


def candidates(words: Mapping[str, int], alphabet: list[str]) -> Candidates:
    """The repeated substrings of up to 16 characters. `words`: word -> count, with characters of the alphabet."""
    ordered = sorted(affordable(words, _spans, MOST_SPANS), key=lambda word: (-len(word), word))
    counts = np.array([words[word] for word in ordered], dtype=np.float64)
    lattice = lattice_of(np.array([len(word) for word in ordered]))
    piece = np.full(lattice.size, -1, dtype=np.int32)
    letters = sorted(alphabet)
    levels = [_first_level(ordered, counts, letters, lattice, piece)]
    pieces = len(letters)
    for k in range(2, min(LONGEST_PIECE, lattice.longest) + 1):
        level = _next_level(k, pieces, len(letters), counts, lattice, piece)
        if len(level.word) == 0:
            break
        levels.append(level)
        pieces += len(level.word)
    piece[piece < 0] = pieces
    return Candidates(
        tuple(letters),
        tuple(ordered),
        counts,
        lattice,
        piece,
        length=np.repeat(np.arange(1, len(levels) + 1), [len(level.word) for level in levels]),
        word=np.concatenate([level.word for level in levels]),
        offset=np.concatenate([level.offset for level in levels]),
        frequency=np.concatenate([level.frequency for level in levels]),
    )


def _spans(word: str) -> int:
    """The number of spans of a word."""
    return sum(len(word) + 1 - k for k in range(1, min(LONGEST_PIECE, len(word)) + 1))


def _first_level(
    words: list[str],
    counts: Float[np.ndarray, " W"],
    letters: list[str],
    lattice: Lattice,
    piece: Int[np.ndarray, " S"],
) -> _Level:
    """Writes the numbers of single characters to `piece`. Characters without an occurrence get the first place."""
    codes = _codes("".join(words))
    begins = np.cumsum([0] + [len(word) for word in words[:-1]])
    order = _codes("".join(letters))
    frequency = np.zeros(len(letters))
    for t in range(lattice.longest):
        reaching = int(lattice.reaching[t + 1])
        numbers = np.searchsorted(order, codes[begins[:reaching] + t])
        begin = int(lattice.begin[t, 1])
        piece[begin : begin + reaching] = numbers
        frequency += np.bincount(numbers, counts[:reaching], len(letters))
    nowhere = np.zeros(len(letters), dtype=np.int64)
    return _Level(nowhere, nowhere, frequency)


def _next_level(
    k: int, pieces: int, letters: int, counts: Float[np.ndarray, " W"], lattice: Lattice, piece: Int[np.ndarray, " S"]
) -> _Level:
    """Writes the numbers of the repeated substrings of k characters to `piece`, from `pieces` on.

    Each consists of a repeated substring of k - 1 characters and one more character, so no others need a check.
    """
    keys, words, offsets = [], [], []
    for t in range(lattice.longest - k + 1):
        reaching = int(lattice.reaching[t + k])
        shorter = piece[lattice.begin[t, k - 1] :][:reaching].astype(np.int64)
        last = piece[lattice.begin[t + k - 1, 1] :][:reaching]
        repeated = np.flatnonzero(shorter >= 0)
        keys.append(shorter[repeated] * letters + last[repeated])
        words.append(repeated)
        offsets.append(np.full(len(repeated), t))
    word, offset = np.concatenate(words), np.concatenate(offsets)
    distinct, first, number = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
    frequency = np.bincount(number, counts[word], len(distinct)).astype(np.float64)  # whole numbers where it is empty
    frequent = frequency >= LEAST_REPEATS
    numbers = np.where(frequent, pieces + np.cumsum(frequent) - 1, -1)
    piece[lattice.begin[offset, k] + word] = numbers[number]
    return _Level(word[first[frequent]], offset[first[frequent]], frequency[frequent])


def _codes(text: str) -> Int[np.ndarray, " _"]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
