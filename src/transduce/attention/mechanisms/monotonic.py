"""Monotonic attention: a scan from left to right that stops at one key, and starts there for the next query.

It is the expectation over all scans, which training needs; attention/monotonic.py has the one scan of decoding too.

Letters: B batch, L queries, S keys, D width of queries, E width of keys, V width of values, A hidden width.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.monotonic import monotonic_alignment, stop_probabilities
from transduce.attention.scores import Additive


class Energy(nn.Module):
    """g (v / |v|) . tanh(W q + U k + b) + r: the additive score with a learned size g and offset r.

    A negative offset makes early scans pass on, so that gradients reach later keys. g begins at 1 / sqrt(A).
    """

    def __init__(self, query_width: int, key_width: int, hidden: int, offset: float) -> None:
        super().__init__()
        self.score = Additive(query_width, key_width, hidden)
        self.size = nn.Parameter(torch.tensor(1 / math.sqrt(hidden)))  # g
        self.offset = nn.Parameter(torch.tensor(offset))  # r

    def forward(self, query: Float[Tensor, "B L D"], key: Float[Tensor, "B S E"]) -> Float[Tensor, "B L S"]:
        energies: Tensor = self.size * self.score(query, key) / self.score.to_score.weight.norm() + self.offset
        return energies


class Monotonic(nn.Module):
    """offset: r at the start; the paper has -4 for long inputs. noise: standard deviation of the Gaussian noise that
    training adds to the energies, so that the network prefers probabilities near 0 and 1. keys_allowed: False at padding,
    which every scan passes.
    """

    def __init__(self, query_width: int, key_width: int, offset: float = -4.0, noise: float = 1.0) -> None:
        super().__init__()
        self.energy = Energy(query_width, key_width, key_width, offset)
        self.noise = noise

    def stops(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L S"]:
        energies = self.energy(query, zero_padding(key, keys_allowed))
        if self.training and self.noise:
            energies = energies + self.noise * torch.randn_like(energies)
        return stop_probabilities(energies, None if keys_allowed is None else keys_allowed.unsqueeze(1))

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L V"]:
        return self.weights(query, key, value, keys_allowed) @ zero_padding(value, keys_allowed)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L S"]:
        return monotonic_alignment(self.stops(query, key, keys_allowed))


KEYS = 8


def steps_and_frames(batch: int, width: int) -> tuple[Tensor, ...]:
    """Five output steps, and eight frames as keys and values."""
    frames = torch.randn(batch, KEYS, width)
    return torch.randn(batch, 5, width), frames, frames


SIDES = [f"step {step}" for step in range(1, 6)], [f"frame {frame}" for frame in range(1, KEYS + 1)]

MONOTONIC = Mechanism(
    name="monotonic",
    purpose="Reads the keys from left to right and never goes back: a decoder can work while its input arrives.",
    formula="a_ij = p_ij sum_{k <= j} a_{i-1,k} prod_{k <= l < j} (1 - p_il) with p = sigmoid(energy)",
    paper="Raffel et al. 2017, Online and Linear-Time Attention by Enforcing Monotonic Alignments, 1704.00784",
    cost="L matrices of S * S in training, L + S steps in decoding; 2 D A + 2 A + 2 parameters",
    kind="own module",
    build=lambda width: Monotonic(width, width, offset=0.0),
    shapes="(B, L, D), (B, S, E), (B, S, V) -> (B, L, V)",
    inputs=steps_and_frames,
    sides=SIDES,
    caption="The probability that a step stops at a frame: it moves to later frames, and the rest ran past the last one.",
    sums_to_one=False,
    alternates=("mocha",),
)
