"""Cross-attention: queries come from one sequence, keys and values from another.

Letters: B batch, L queries, S source tokens, D width, H heads.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.cache import Memory
from transduce.attention.mask import DenseMask
from transduce.attention.masks import zero_padding
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.multihead import CrossAttention

TARGET = ("die", "Katze", "sah", "den")


class Cross(nn.Module):
    """`CrossAttention` to the states of another sequence. `allowed` is False at its padding."""

    def __init__(self, attention: CrossAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(
        self, x: Float[Tensor, "B L D"], states: Float[Tensor, "B S D"], allowed: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B L D"]:
        output: Tensor = self.attention(x, memory(states, allowed))
        return output

    def weights(
        self, x: Float[Tensor, "B L D"], states: Float[Tensor, "B S D"], allowed: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B H L S"]:
        return self.attention.weights(x, memory(states, allowed))


def memory(states: Float[Tensor, "B S D"], allowed: Bool[Tensor, "B S"] | None) -> Memory:
    """The states as a memory, with zeros at padding."""
    every = allowed if allowed is not None else states.new_ones(states.shape[:2], dtype=torch.bool)
    return Memory(zero_padding(states, allowed), DenseMask(every[:, None, None, :]))


def translation(batch: int, width: int) -> tuple[Tensor, Tensor]:
    """Random target states, and the states of a source sentence."""
    return torch.randn(batch, len(TARGET), width), sentences(batch, width)[0]


CROSS = Mechanism(
    name="cross",
    purpose="Each token of one sequence attends to another sequence, as a decoder to the encoder's output.",
    formula="multi-head attention with Q = X, K = V = encoder states",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.2.3",
    cost="time L * S * D + (L + S) D^2; 4 D^2 + 4 D parameters",
    kind="point",
    build=lambda width: Cross(CrossAttention(width, heads=2)),
    shapes="(B, L, D), (B, S, D) -> (B, L, D)",
    inputs=translation,
    sides=(TARGET, WORDS),
    caption="A row shows where a target word looks in the source. Equal source words get equal weights.",
)
