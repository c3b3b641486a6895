"""The substrings that may become pieces, found where they stand.

Letters: A characters of the alphabet, W words, S spans, M pieces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, takewhile

import numpy as np
from jaxtyping import Float, Int

from transduce.text.learn.lattice import LONGEST_PIECE, Lattice, lattice_of

MOST_SPANS = 10_000_000  # of the words learned from; the rarest give way
LEAST_REPEATS = 2  # of a substring that may become a piece


@dataclass(frozen=True)
class Candidates:
    """Every repeated substring of some words, numbered: first the alphabet, then by length."""

    alphabet: tuple[str, ...]
    words: tuple[str, ...]
    counts: Float[np.ndarray, " W"]
    lattice: Lattice
    piece: Int[np.ndarray, " S"]  # number of the piece that each span is; M for a span that is none
    length: Int[np.ndarray, " M"]
    word: Int[np.ndarray, " M"]  # a place where the piece stands: in which word,
    offset: Int[np.ndarray, " M"]  # and after how many of its characters
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
    """Finds the repeated substrings of up to 16 characters of words made of the alphabet, given with their counts."""
    ordered = sorted(_affordable(words), key=lambda word: (-len(word), word))
    counts = np.array([words[word] for word in ordered], dtype=np.float64)
    lattice = lattice_of(np.array([len(word) for word in ordered]))
    piece = np.full(lattice.size, -1, dtype=np.int32)
    letters = sorted(alphabet)
    levels = [_first_level(ordered, counts, letters, lattice, piece)]
    found = len(letters)
    for k in range(2, min(LONGEST_PIECE, lattice.longest) + 1):
        level = _next_level(k, found, len(letters), counts, lattice, piece)
        if len(level.word) == 0:
            break
        levels.append(level)
        found += len(level.word)
    piece[piece < 0] = found
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


def _affordable(words: Mapping[str, int]) -> list[str]:
    """The most frequent words that have no more than `MOST_SPANS` spans together.

    Which of those of equal count are among them says a hash: by their letters, a script would take the room of the next.
    """
    ranked = sorted(words, key=lambda word: (-words[word], blake2b(word.encode(), digest_size=8).digest()))
    spans = accumulate(sum(len(word) + 1 - k for k in range(1, min(LONGEST_PIECE, len(word)) + 1)) for word in ranked)
    return ranked[: max(1, len(list(takewhile(lambda total: total <= MOST_SPANS, spans))))]


def _first_level(
    words: list[str],
    counts: Float[np.ndarray, " W"],
    letters: list[str],
    lattice: Lattice,
    piece: Int[np.ndarray, " S"],
) -> _Level:
    """Numbers the single characters, in `piece`; those of the alphabet that stand nowhere are given the first place."""
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
    k: int, found: int, letters: int, counts: Float[np.ndarray, " W"], lattice: Lattice, piece: Int[np.ndarray, " S"]
) -> _Level:
    """Numbers the repeated substrings of k characters, in `piece`, from `found` on.

    Each is a repeated substring of k - 1 characters and one more character, so that no others need be looked at.
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
    kept = frequency >= LEAST_REPEATS
    numbers = np.where(kept, found + np.cumsum(kept) - 1, -1)
    piece[lattice.begin[offset, k] + word] = numbers[number]
    return _Level(word[first[kept]], offset[first[kept]], frequency[kept])


def _codes(text: str) -> Int[np.ndarray, " _"]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
