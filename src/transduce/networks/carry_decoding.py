"""The decoding protocol for networks that carry a state of fixed size: the memory is per sentence, the carry per beam.

A carry holds no earlier tokens, so that it cannot be truncated.

Letters: B sentences, K beams, N = B K rows, R sentences, P longest prompt, T new tokens, S source tokens, V vocabulary.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.attention.cache import Lengths
from transduce.decoding.protocol import Padded
from transduce.networks.source_to_target import Carry, SourceMemory, SourceToTarget


@dataclass(frozen=True)
class CarryState:
    """weights: the mean over the attentions for each of the last T tokens; None after another operation than a step."""

    memory: SourceMemory
    carry: Carry
    weights: Float[Tensor, "N T S"] | None = None


class CarryDecoding:
    """The decoding protocol for a SourceToTarget."""

    def __init__(self, network: SourceToTarget) -> None:
        self.network = network

    @property
    def training(self) -> bool:
        """Whether the network is in training mode, in which it must not decode."""
        return self.network.training

    @torch.no_grad()
    def start(self, inputs: Padded | None, prompts: Padded) -> CarryState:
        """Reads the inputs, and all but the last token of each prompt."""
        if inputs is None:
            raise ValueError("an encoder-decoder needs inputs, found none: give each request its source")
        memory, carry = self.network.encode(inputs.tokens, inputs.lengths)
        weights = []
        for place in range(prompts.tokens.shape[1] - 1):
            steps = self.network.decode(prompts.tokens[:, place : place + 1], memory, carry)
            carry = _where(place < prompts.lengths - 1, steps.carry, carry)
            weights.append(steps.weights.mean(0))
        carry = Carry(carry.tensors, Lengths.of(prompts.lengths - 1))
        return CarryState(memory, carry, torch.cat(weights, 1) if weights else None)

    @torch.no_grad()
    def step(self, tokens: Int[Tensor, "B K T"], state: CarryState) -> tuple[Float[Tensor, "B K T V"], CarryState]:
        """Logits after each of T further tokens of every beam."""
        hidden, weights, carry = self.network.decode(tokens.flatten(0, 1), state.memory, state.carry)
        logits = self.network.head.logits(hidden).unflatten(0, tokens.shape[:2])
        return logits, CarryState(state.memory, carry, weights.mean(0))

    @torch.no_grad()
    def attended(self, state: CarryState) -> Float[Tensor, "B K T S"]:
        """The attention of the tokens that `step` or `start` has just read, as a mean over the decoder's attentions.

        A row sums to less than 1 where the attention does (local-p, monotonic).
        """
        assert state.weights is not None, "only the state of a step or of prompts has weights"
        weights: Tensor = state.weights.float().unflatten(0, (len(state.memory.keys), -1))
        return weights

    @torch.no_grad()
    def reorder(self, state: CarryState, beams: Int[Tensor, "B K"]) -> CarryState:
        """New beam k of sentence b continues old beam beams[b, k]; the number of beams may change."""
        before = _beams(state)
        rows = (torch.arange(len(beams), device=beams.device)[:, None] * before + beams).flatten()
        return CarryState(state.memory, state.carry.select(rows))

    @torch.no_grad()
    def select(self, state: CarryState, rows: Int[Tensor, " R"]) -> CarryState:
        """Only the sentences `rows`, in that order."""
        beams = _beams(state)
        own = (rows[:, None] * beams + torch.arange(beams, device=rows.device)).flatten()
        return CarryState(state.memory.select(rows), state.carry.select(own))

    @torch.no_grad()
    def join(self, state: CarryState, other: CarryState) -> CarryState:
        """The sentences of both, those of `state` first; both have the same number of beams."""
        return CarryState(state.memory.join(other.memory), state.carry.join(other.carry))


def _beams(state: CarryState) -> int:
    return len(state.carry.lengths.rows) // len(state.memory.keys)


def _where(reads: Tensor, after: Carry, before: Carry) -> Carry:
    """The carry of each row after the token where the row reads it, else before it. Lengths are those after it."""
    tensors = tuple(
        torch.where(reads.view(-1, *[1] * (new.ndim - 1)), new, old)
        for new, old in zip(after.tensors, before.tensors, strict=True)
    )
    return Carry(tensors, after.lengths)
