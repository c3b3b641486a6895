"""The decoding protocol of a model: five operations on a state that only the model understands.

Letters: B sentences, K beams, S longest input, P longest prompt, T new tokens per beam, V vocabulary, R sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

State = TypeVar("State")


@dataclass(frozen=True)
class Padded:
    """Rows of token ids side by side. Row b has `lengths[b]` tokens; the padding behind them must not matter.

    `Padded.of([[5, 6], [7]], pad=0)` has the tokens [[5, 6], [7, 0]] and the lengths [2, 1].
    """

    tokens: Int[Tensor, "B T"]
    lengths: Int[Tensor, " B"]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], pad: int, device: torch.device | str = "cpu") -> "Padded":
        lengths = torch.tensor([len(row) for row in rows])
        tokens = torch.full((len(rows), int(lengths.max())), pad)
        for number, row in enumerate(rows):
            tokens[number, : len(row)] = torch.tensor(row, dtype=torch.long)
        return cls(tokens.to(device), lengths.to(device))


def require_evaluation_mode(network: object) -> None:
    """ValueError for a network, or a `Decodable` around one, in training mode."""
    if getattr(network, "training", False):
        raise ValueError(
            "the network is in training mode, in which dropout changes its outputs: call model.network.eval() first"
        )


@runtime_checkable
class Decodable(Protocol[State]):
    """A model that decodes step by step: an encoder-decoder, decoder-only, recurrent or imported model, or an ensemble.

    The state holds the inputs once per sentence (encoder keys and values, never copied per beam) and the tokens so far per
    sentence and beam (a key/value cache). Every sentence has its own length. Each operation
    returns a new state and may reuse the memory of the old one: use a state once.
    """

    def start(self, inputs: Padded | None, prompts: Padded) -> State:
        """Reads the inputs (None for a model without inputs) and all but the last token of each prompt; K = 1.

        A prompt begins with the start token. Prompts may have different lengths.
        """
        ...

    def step(self, tokens: Int[Tensor, "B K T"], state: State) -> tuple[Float[Tensor, "B K T V"], State]:
        """Reads T more tokens of each beam; the logits at t are those of the token that follows `tokens[..., t]`.

        The first of them, after `start`, is the last token of the prompt. The new tokens see each other causally, as in
        T steps of one token.
        """
        ...

    def reorder(self, state: State, beams: Int[Tensor, "B K"]) -> State:
        """New beam k of sentence b continues old beam `beams[b, k]`. The new K may differ from the old one."""
        ...

    def select(self, state: State, rows: Int[Tensor, " R"]) -> State:
        """The sentences `rows`, in that order; one may occur several times."""
        ...

    def join(self, state: State, other: State) -> State:
        """The sentences of `state` followed by those of `other`, which has the same K."""
        ...


@runtime_checkable
class Truncating(Decodable[State], Protocol[State]):
    """A model that can drop tokens from its state; a recurrent model cannot."""

    def truncate(self, state: State, lengths: Int[Tensor, "B K"]) -> State:
        """Keeps the first `lengths[b, k]` of the tokens that each beam has read, those of its prompt included."""
        ...


@runtime_checkable
class Attending(Decodable[State], Protocol[State]):
    """A model that returns its attention to the input tokens."""

    def attended(self, state: State) -> Float[Tensor, "B K T S"]:
        """The cross-attention of each of the last T tokens, one distribution over the input positions.

        A mean over layers and heads, or the nearest equivalent. `state` is the state that `step` returned, or that `start`
        returned for prompts of which one has two tokens or more: then T is the longest prompt's length - 1, K = 1, and the
        rows of padding do not matter. S is the width of `inputs.tokens` at the start, after `join` the greater of both.
        """
        ...
