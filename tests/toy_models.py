"""A model whose next token depends on every input token and on the whole prompt and output, as its state has them.

A wrong reorder, select or join therefore changes its outputs, and so does looking at padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode_all
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.protocol import Padded
from transduce.decoding.requests import Request

PAD, UNKNOWN, START, END = 0, 1, 2, 3
SPECIAL = SpecialIds(pad=PAD, start=START, end=END)
ROWS = 997  # rows of the table, a prime
Source = Sequence[int] | None  # None for a model without inputs


@dataclass
class ToyState:
    lengths: Tensor | None  # (B,) of the inputs
    hashes: Tensor  # (B, K) of the input and of every token read
    new: Tensor  # (B, K, T) hash after each token of the last step
    width: int  # of the inputs
    used: bool = False

    def take(self) -> "ToyState":
        """The state may be passed in once."""
        assert not self.used, "a state was used twice"
        self.used = True
        return self


class ToyModel:
    """Logits are row hash(input, prompt, output) of a random table (997, V)."""

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 2.0, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = (spread * torch.randn(ROWS, vocabulary, generator=generator)).to(dtype)
        self.sizes: list[tuple[int, int]] = []  # (B, K) of each step
        self.starts: list[tuple[int, int]] = []  # (B, longest prompt) of each start

    def start(self, inputs: Padded | None, prompts: Padded) -> ToyState:
        self.starts.append(tuple(prompts.tokens.shape))
        hashes = torch.full((len(prompts.lengths),), 7)
        if inputs is not None:
            hashes = self._read(hashes, inputs.tokens, inputs.lengths)
        places = range(prompts.tokens.size(1) - 1)
        new = [self._read(hashes, prompts.tokens[:, : place + 1], prompts.lengths - 1) for place in places]
        new = torch.stack(new, -1).unsqueeze(1) if new else torch.zeros(len(hashes), 1, 0, dtype=torch.long)
        hashes = self._read(hashes, prompts.tokens, prompts.lengths - 1)
        if inputs is None:
            return ToyState(None, hashes[:, None], new, 0)
        return ToyState(inputs.lengths, hashes[:, None], new, inputs.tokens.size(1))

    def _read(self, hashes: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
        for position in range(tokens.size(1)):
            hashes = torch.where(position < lengths, self._mix(hashes, tokens[:, position]), hashes)
        return hashes

    def step(self, tokens: Tensor, state: ToyState) -> tuple[Tensor, ToyState]:
        state = state.take()
        self.sizes.append(tuple(tokens.shape[:2]))
        assert state.hashes.shape == tokens.shape[:2], "the beams do not fit the state"
        hashes, new = state.hashes, []
        for position in range(tokens.size(2)):
            hashes = self._mix(hashes, tokens[:, :, position])
            new.append(hashes)
        return self.table[torch.stack(new, 2)], replace(state, hashes=hashes, new=torch.stack(new, 2), used=False)

    def reorder(self, state: ToyState, beams: Tensor) -> ToyState:
        state = state.take()
        return replace(state, hashes=state.hashes.gather(1, beams), new=state.new[..., :0], used=False)

    def select(self, state: ToyState, rows: Tensor) -> ToyState:
        state = state.take()
        lengths = None if state.lengths is None else state.lengths[rows]
        return ToyState(lengths, state.hashes[rows], state.new[rows], state.width)

    def join(self, state: ToyState, other: ToyState) -> ToyState:
        state, other = state.take(), other.take()
        assert state.hashes.shape[1] == other.hashes.shape[1], "the numbers of beams differ"
        lengths = None
        if state.lengths is not None and other.lengths is not None:
            lengths = torch.cat([state.lengths, other.lengths])
        hashes = torch.cat([state.hashes, other.hashes])
        nothing = torch.zeros(*hashes.shape, 0, dtype=torch.long)
        return ToyState(lengths, hashes, nothing, max(state.width, other.width))

    @staticmethod
    def _mix(hashes: Tensor, token: Tensor) -> Tensor:
        return (hashes * 31 + token * 17 + 5) % ROWS

    def next_log_probabilities(self, source: Source, tokens: Sequence[int]) -> list[float]:
        """The same in plain Python arithmetic: no state, no batch. `tokens`: prompt and output without the start token."""
        return torch.log_softmax(self.logits(source, tokens), dim=-1).tolist()

    def logits(self, source: Source, tokens: Sequence[int]) -> Tensor:
        return self.table[self.row(source, tokens)].float()

    @staticmethod
    def row(source: Source, tokens: Sequence[int]) -> int:
        value = 7
        for token in [*(source or ()), START, *tokens]:
            value = (value * 31 + token * 17 + 5) % ROWS
        return value


class AttendingToy(ToyModel):
    """A toy that attends: its weights too are a row of a random table, for as many positions as the input has."""

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 2.0) -> None:
        super().__init__(vocabulary, seed, spread)
        self.looks = 3 * torch.randn(ROWS, 16, generator=torch.Generator().manual_seed(seed + 1))

    def attended(self, state: ToyState) -> Tensor:
        assert state.lengths is not None
        padding = torch.arange(state.width) >= state.lengths[:, None]
        looks = self.looks[state.new][..., : state.width]  # (B, K, T, S)
        return looks.masked_fill(padding[:, None, None], -torch.inf).softmax(-1)

    def attention(self, source: Sequence[int], tokens: Sequence[int]) -> list[float]:
        """What the step that chooses the token after `tokens` attends to, in plain Python arithmetic."""
        return self.looks[self.row(source, tokens)][: len(source)].softmax(-1).tolist()


def requests(
    sources: Sequence[Source], how: Decoding, prompts: Sequence[Sequence[int]] | None = None, first_place: int = 0
) -> list[Request]:
    """One request for each source; the limit of its output is that of its length, whatever the prompt."""
    prompts = [()] * len(sources) if prompts is None else prompts
    pairs = zip(sources, prompts, strict=True)
    return [
        Request(source, prompt, limit_of(source, how), first_place + number)
        for number, (source, prompt) in enumerate(pairs)
    ]


def limit_of(source: Source, how: Decoding) -> int:
    return how.max_length if source is None else how.limit(len(source))


def search(
    model: Any,
    sources: Sequence[Source],
    how: Decoding,
    prompts: Sequence[Sequence[int]] | None = None,
    first_place: int = 0,
    special: SpecialIds = SPECIAL,
) -> list[list[Hypothesis]]:
    """The outputs for each source."""
    return decode_all(model, requests(sources, how, prompts, first_place), how, special)
