"""A model whose next token depends on every source token and on the whole prefix, as its state has it.

A wrong reorder, select, join or truncate therefore changes its outputs, and so does looking at padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.protocol import Padded

PAD, UNKNOWN, START, END = 0, 1, 2, 3
SPECIAL = SpecialIds(pad=PAD, start=START, end=END)
ROWS = 997  # rows of the table, a prime


@dataclass
class ToyState:
    source: Tensor  # (B,) hash of each source
    lengths: Tensor  # (B,)
    prefix: Tensor  # (B, K, t) hash after each prefix token; t = 0 at the start
    used: bool = False

    def take(self) -> "ToyState":
        """The state may be passed in once."""
        assert not self.used, "a state was used twice"
        self.used = True
        return self


def alone(source: Tensor, lengths: Tensor) -> tuple[Padded, Padded]:
    """Arguments of `start`: sources, and prompts of a start token alone."""
    return Padded(source, lengths), Padded(torch.full((len(source), 1), START), torch.ones_like(lengths))


class ToyModel:
    """Logits are row hash(source, prefix) of a random table (997, V)."""

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 2.0, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = (spread * torch.randn(ROWS, vocabulary, generator=generator)).to(dtype)
        self.sizes: list[tuple[int, int]] = []  # (B, K) of each step
        self.sources: list[tuple[int, int]] = []  # (B, S) of each start
        self.new: list[int] = []  # T of each step

    def start(self, inputs: Padded, prompts: Padded) -> ToyState:
        source, lengths = inputs.tokens, inputs.lengths
        assert prompts.tokens.size(1) == 1, "the toy reads no prompts"
        self.sources.append(tuple(source.shape))
        seen = torch.full((len(source),), 7)
        for position in range(source.size(1)):
            seen = torch.where(position < lengths, self._mix(seen, source[:, position]), seen)
        return ToyState(seen, lengths, torch.zeros(len(source), 1, 0, dtype=torch.long))

    def step(self, tokens: Tensor, state: ToyState) -> tuple[Tensor, ToyState]:
        state = state.take()
        sentences, beams, new = tokens.shape
        self.sizes.append((sentences, beams))
        self.new.append(new)
        prefix = state.prefix if state.prefix.size(2) else state.prefix.expand(-1, beams, -1)
        assert prefix.shape[:2] == (sentences, beams), "the beams do not fit the state"
        for position in range(new):
            last = prefix[:, :, -1] if prefix.size(2) else state.source[:, None].expand(-1, beams)
            prefix = torch.cat([prefix, self._mix(last, tokens[:, :, position]).unsqueeze(2)], dim=2)
        return self.table[prefix[:, :, -new:]], ToyState(state.source, state.lengths, prefix)

    def reorder(self, state: ToyState, beams: Tensor) -> ToyState:
        state = state.take()
        prefix = state.prefix.gather(1, beams.unsqueeze(2).expand(-1, -1, state.prefix.size(2)))
        return ToyState(state.source, state.lengths, prefix)

    def select(self, state: ToyState, rows: Tensor) -> ToyState:
        state = state.take()
        return ToyState(state.source[rows], state.lengths[rows], state.prefix[rows])

    def join(self, state: ToyState, other: ToyState) -> ToyState:
        state, other = state.take(), other.take()
        return ToyState(
            torch.cat([state.source, other.source]),
            torch.cat([state.lengths, other.lengths]),
            torch.cat([state.prefix, other.prefix]),
        )

    def truncate(self, state: ToyState, lengths: Tensor) -> ToyState:
        state = state.take()
        assert bool((lengths == lengths.flatten()[0]).all()), "the toy has no ragged prefixes"
        return ToyState(state.source, state.lengths, state.prefix[:, :, : int(lengths.flatten()[0])])

    @staticmethod
    def _mix(seen: Tensor, token: Tensor) -> Tensor:
        return (seen * 31 + token * 17 + 5) % ROWS

    def next_log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> list[float]:
        """The same in plain Python arithmetic: no state, no batch. The prefix leaves out the start token."""
        return torch.log_softmax(self.logits(source, prefix), dim=-1).tolist()

    def logits(self, source: Sequence[int], prefix: Sequence[int]) -> Tensor:
        return self.table[self._hash(source, prefix)].float()

    @staticmethod
    def _hash(source: Sequence[int], prefix: Sequence[int]) -> int:
        seen = 7
        for token in [*source, START, *prefix]:
            seen = (seen * 31 + token * 17 + 5) % ROWS
        return seen


class AttendingToy(ToyModel):
    """A toy that attends: its weights too are a row of a random table, for as many positions as the source has."""

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 2.0) -> None:
        super().__init__(vocabulary, seed, spread)
        self.looks = 3 * torch.randn(ROWS, 16, generator=torch.Generator().manual_seed(seed + 1))

    def attended(self, state: ToyState) -> Tensor:
        padding = torch.arange(self.sources[-1][1]) >= state.lengths[:, None]  # as wide as the sources were
        looks = self.looks[state.prefix[:, :, -self.new[-1] :]][..., : padding.size(1)]  # (B, K, T, S)
        return looks.masked_fill(padding[:, None, None], -torch.inf).softmax(-1)

    def attention(self, source: Sequence[int], prefix: Sequence[int]) -> list[float]:
        """What the step that chooses the token after `prefix` attends to, in plain Python arithmetic."""
        return self.looks[self._hash(source, prefix)][: len(source)].softmax(-1).tolist()
