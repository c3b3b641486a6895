"""Outputs are text: a rule for vocabularies whose pieces may be bytes or parts of characters.

Letters: B sentences, K outputs side by side, V vocabulary, S states of the automaton, R numbers of remaining tokens.

The automaton reads UTF-8 byte by byte (The Unicode Standard, table 3-7). State 0 is between two characters. Each other
state stands for the bytes that may complete a character that has begun: the state after E2 82 allows 80 to BF.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.scores import TokenScores

Range = tuple[int, int]  # of a byte, both ends included
Sequences = frozenset[tuple[Range, ...]]  # of bytes; no two have a character in common

TAIL = (0x80, 0xBF)
UTF_8: Sequences = frozenset(
    {
        ((0x00, 0x7F),),
        ((0xC2, 0xDF), TAIL),
        ((0xE0, 0xE0), (0xA0, 0xBF), TAIL),
        ((0xE1, 0xEC), TAIL, TAIL),
        ((0xED, 0xED), (0x80, 0x9F), TAIL),  # no surrogates
        ((0xEE, 0xEF), TAIL, TAIL),
        ((0xF0, 0xF0), (0x90, 0xBF), TAIL, TAIL),
        ((0xF1, 0xF3), TAIL, TAIL, TAIL),
        ((0xF4, 0xF4), (0x80, 0x8F), TAIL, TAIL),
    }
)
MOST_BYTES = 4  # of a character

UNREADABLE = "\0\r\ufeff"  # readers of files refuse NUL, and drop the others at an end of a line
LINE_ENDS = "\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # those of str.splitlines


@dataclass(frozen=True)
class WholeCharacters:
    """No token after which the output is not valid UTF-8, cannot become so within its limit, or has a refused character.

    An output is read back as it is written: it has no NUL, carriage return or byte order mark, and an output of one line
    has no line end. Ids without text, such as tags, cannot occur; the end token cannot occur within a character. The state
    of an output follows from its last three tokens, so that the rule holds none.

    following: the state after each token; the last column is for the absence of a token.
    banned: by the number of tokens that may follow (3 stands for more), and by state.
    """

    following: Int[Tensor, "S V_and_1"]
    banned: Bool[Tensor, "R S V"]

    @classmethod
    def of(cls, pieces: Sequence[bytes], end: int, multiline: bool = False) -> "WholeCharacters | None":
        """The rule for a vocabulary; None where it bans nothing.

        pieces: the bytes of each piece, b"" for an id without text.
        """
        valid, following = _transitions(pieces, multiline)
        if all(state == 0 for state, piece in zip(valid[0], pieces, strict=True) if piece):
            return None
        valid[0, end] = 0
        tokens = _tokens_to_whole(valid)  # from each state
        missing = np.where(valid < 0, MOST_BYTES, tokens[valid])
        banned = np.stack([missing > rest for rest in range(MOST_BYTES)])
        banned[..., end] &= ~banned.all(-1)  # a prompt may leave a character that nothing completes
        return cls(torch.from_numpy(following), torch.from_numpy(banned))

    def to(self, device: torch.device | str) -> "WholeCharacters":
        return WholeCharacters(self.following.to(device), self.banned.to(device))

    def __call__(self, next_token: TokenScores, partial: PartialOutputs) -> Float[Tensor, "B K V"]:
        state = torch.zeros_like(partial.last)
        for tokens in partial.tokens[..., 1 - MOST_BYTES :].unbind(-1):
            state = self.following[state, tokens].long()
        rest = (partial.limits - partial.lengths - 1).clamp(0, MOST_BYTES - 1)
        return next_token.scores.masked_fill(self.banned[rest.unsqueeze(1), state], -torch.inf)


def _transitions(pieces: Sequence[bytes], multiline: bool) -> tuple[np.ndarray, np.ndarray]:
    """The state after each piece in each state, -1 where it is not valid; and the same for text that need not be valid.

    The second has a column more, for no piece. An invalid byte begins anew there, so that it tells the state of valid
    text from its last bytes alone.
    """
    automaton = _automaton(multiline)
    valid = np.full((len(automaton), len(pieces)), -1, dtype=np.int8)
    following = np.zeros((len(automaton), len(pieces) + 1), dtype=np.int8)
    for number, piece in enumerate(pieces):
        if not piece:
            continue
        valid[0, number] = _read(automaton, 0, piece)
        if valid[0, number] == 0:
            continue  # whole characters are valid between two characters alone
        for state in range(len(automaton)):
            valid[state, number] = _read(automaton, state, piece)
            following[state, number] = _read(automaton, state, piece, anew=True)
    return valid, following


def _read(automaton: Sequence[Sequence[int]], state: int, piece: bytes, anew: bool = False) -> int:
    """The state after the bytes of a piece; -1 for an invalid byte, unless reading begins anew there."""
    for byte in piece:
        following = automaton[state][byte]
        if following < 0 and not anew:
            return -1
        state = following if following >= 0 else max(0, automaton[0][byte])
    return state


def _tokens_to_whole(valid: np.ndarray) -> np.ndarray:
    """The fewest tokens that lead from each state to state 0; MOST_BYTES where three do not."""
    tokens = np.full(len(valid), MOST_BYTES, dtype=np.int64)
    tokens[0] = 0
    for count in range(1, MOST_BYTES):
        near = np.flatnonzero(tokens < count)
        tokens = np.where(np.isin(valid, near).any(1), np.minimum(tokens, count), tokens)
    return tokens


@lru_cache(maxsize=2)
def _automaton(multiline: bool) -> list[list[int]]:
    """The next state by state and byte, -1 where there is none."""
    characters = UTF_8
    for character in UNREADABLE if multiline else UNREADABLE + LINE_ENDS:
        data = character.encode()
        characters = frozenset(part for sequence in characters for part in _without(sequence, data))
    states = [characters]
    automaton: list[list[int]] = []
    for state in states:  # grows
        row = []
        for byte in range(256):
            rest = frozenset(sequence[1:] for sequence in state if sequence[0][0] <= byte <= sequence[0][1])
            rest = characters if () in rest else rest
            if rest and rest not in states:
                states.append(rest)
            row.append(states.index(rest) if rest else -1)
        automaton.append(row)
    return automaton


def _without(sequence: tuple[Range, ...], data: bytes) -> list[tuple[Range, ...]]:
    """The sequence as sequences that leave out the bytes `data`."""
    pairs = list(zip(data, sequence, strict=False))
    if len(sequence) != len(data) or any(not first <= byte <= last for byte, (first, last) in pairs):
        return [sequence]
    parts = []
    for place, (byte, (first, last)) in enumerate(pairs):
        same = tuple((each, each) for each in data[:place])
        for part in ((first, byte - 1), (byte + 1, last)):
            if part[0] <= part[1]:
                parts.append((*same, part, *sequence[place + 1 :]))
    return parts
