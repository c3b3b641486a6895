"""What a decoder needs from a model: six operations on a state that only the model understands; a seventh for some uses.

Letters: B sentences, K beams, S source length, T new tokens per beam, V vocabulary, R chosen sentences.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

State = TypeVar("State")


@dataclass(frozen=True)
class Padded:
    """Rows of ids side by side; positions from `lengths[b]` on are padding and must not matter."""

    tokens: Int[Tensor, "B T"]
    lengths: Int[Tensor, " B"]


@runtime_checkable
class Decodable(Protocol[State]):
    """A model that decodes step by step: an encoder-decoder, an ensemble, a recurrent or an imported model.

    The state holds what the source needs once per sentence (encoder keys and values, never copied per beam) and what
    the prefix needs per sentence and beam (a key/value cache). Every operation returns a new state and may reuse the
    memory of the one it was given: a state that was passed in must not be used again.
    """

    def start(self, inputs: Padded | None, prompts: Padded) -> State:
        """Read the inputs (None for a model without any), and all but the last token of each prompt; K is 1.

        Each prompt has at least one token, its start token first.
        """
        ...

    def step(self, tokens: Int[Tensor, "B K T"], state: State) -> tuple[Float[Tensor, "B K T V"], State]:
        """Append `tokens` to each beam's prefix; the logits at t are those of the token that follows `tokens[..., t]`.

        With T > 1 the new tokens see each other causally, as in T steps of one.
        """
        ...

    def reorder(self, state: State, beams: Int[Tensor, "B K"]) -> State:
        """New beam k of sentence b continues old beam `beams[b, k]`. The new K may differ from the old one."""
        ...

    def select(self, state: State, rows: Int[Tensor, " R"]) -> State:
        """Keep only the sentences `rows`, in that order: finished ones leave."""
        ...

    def join(self, state: State, other: State) -> State:
        """The sentences of `state` followed by those of `other`, which has the same K: waiting ones enter."""
        ...

    def truncate(self, state: State, lengths: Int[Tensor, "B K"]) -> State:
        """Roll each beam's prefix back to its first `lengths[b, k]` tokens."""
        ...


@runtime_checkable
class Attending(Decodable[State], Protocol[State]):
    """A model that can also say which source tokens it has looked at."""

    def attended(self, state: State) -> Float[Tensor, "B K T S"]:
        """The cross-attention of each of the T tokens of the last step, one distribution over the source positions.

        A mean over layers and heads, or whatever comes nearest; S as wide as the sources were at the start. `state` is
        that of the step, before anything else.
        """
        ...
