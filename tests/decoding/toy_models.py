"""A model whose next token depends on every source token and on the whole prefix, as its state has it.

A wrong reorder, select, join or truncate therefore changes its outputs, and so does looking at padding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis, SpecialIds

PAD, UNKNOWN, START, END = 0, 1, 2, 3
SPECIAL = SpecialIds(pad=PAD, start=START, end=END)
ROWS = 997  # rows of the table, a prime


@dataclass
class ToyState:
    source: Tensor  # (B,) hash of each source
    prefix: Tensor  # (B, K, t) hash after each prefix token; t = 0 at the start
    used: bool = False

    def take(self) -> "ToyState":
        """The state may be passed in once."""
        assert not self.used, "a state was used twice"
        self.used = True
        return self


class ToyModel:
    """Logits are row hash(source, prefix) of a random table (997, V)."""

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 2.0, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = (spread * torch.randn(ROWS, vocabulary, generator=generator)).to(dtype)
        self.sizes: list[tuple[int, int]] = []  # (B, K) of each step
        self.sources: list[tuple[int, int]] = []  # (B, S) of each start

    def start(self, source: Tensor, lengths: Tensor) -> ToyState:
        self.sources.append(tuple(source.shape))
        seen = torch.full((len(source),), 7)
        for position in range(source.size(1)):
            seen = torch.where(position < lengths, self._mix(seen, source[:, position]), seen)
        return ToyState(seen, torch.zeros(len(source), 1, 0, dtype=torch.long))

    def step(self, tokens: Tensor, state: ToyState) -> tuple[Tensor, ToyState]:
        state = state.take()
        sentences, beams, new = tokens.shape
        self.sizes.append((sentences, beams))
        prefix = state.prefix if state.prefix.size(2) else state.prefix.expand(-1, beams, -1)
        assert prefix.shape[:2] == (sentences, beams), "the beams do not fit the state"
        for position in range(new):
            last = prefix[:, :, -1] if prefix.size(2) else state.source[:, None].expand(-1, beams)
            prefix = torch.cat([prefix, self._mix(last, tokens[:, :, position]).unsqueeze(2)], dim=2)
        return self.table[prefix[:, :, -new:]], ToyState(state.source, prefix)

    def reorder(self, state: ToyState, beams: Tensor) -> ToyState:
        state = state.take()
        return ToyState(state.source, state.prefix.gather(1, beams.unsqueeze(2).expand(-1, -1, state.prefix.size(2))))

    def select(self, state: ToyState, rows: Tensor) -> ToyState:
        state = state.take()
        return ToyState(state.source[rows], state.prefix[rows])

    def join(self, state: ToyState, other: ToyState) -> ToyState:
        state, other = state.take(), other.take()
        return ToyState(torch.cat([state.source, other.source]), torch.cat([state.prefix, other.prefix]))

    def truncate(self, state: ToyState, lengths: Tensor) -> ToyState:
        state = state.take()
        assert bool((lengths == lengths.flatten()[0]).all()), "the toy has no ragged prefixes"
        return ToyState(state.source, state.prefix[:, :, : int(lengths.flatten()[0])])

    @staticmethod
    def _mix(seen: Tensor, token: Tensor) -> Tensor:
        return (seen * 31 + token * 17 + 5) % ROWS

    def next_log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> list[float]:
        """The same in plain Python arithmetic: no state, no batch. The prefix leaves out the start token."""
        seen = 7
        for token in [*source, START, *prefix]:
            seen = (seen * 31 + token * 17 + 5) % ROWS
        return torch.log_softmax(self.table[seen].float(), dim=-1).tolist()


def every_hypothesis(model: ToyModel, source: Sequence[int], settings: Decoding) -> list[Hypothesis]:
    """All outputs of up to the limit, best first: search by enumeration."""

    def grow(ids: tuple[int, ...], gains: tuple[float, ...]) -> Iterator[Hypothesis]:
        length = len(ids) + 1
        for token, gain in enumerate(model.next_log_probabilities(source, ids)):
            longer = (*gains, gain)
            total = sum(longer)
            if token in SPECIAL.banned:
                continue
            if token == SPECIAL.end:
                yield Hypothesis(ids, total / length**settings.alpha, total, True, longer)
            elif length == settings.limit(len(source)):
                yield Hypothesis((*ids, token), total / length**settings.alpha, total, False, longer)
            else:
                yield from grow((*ids, token), longer)

    return sorted(grow((), ()), key=lambda found: -found.score)
