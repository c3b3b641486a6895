"""Position encodings, which are added to embeddings, rotate queries and keys, or bias the scores.

Letters: B rows, M rows or 1, T tokens, S keys, D width of the model, H heads, E width of a head.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce import config
from transduce.config import Fact


@dataclass(frozen=True)
class Positions:
    """Positions of tokens: (T,), the same for all rows, or (B, T).

    end: all positions are below it. It is stored beside the tensor, so that no value is read back from an accelerator.
    """

    index: Int[Tensor, "*B T"]
    end: int

    @classmethod
    def first(cls, tokens: int, device: torch.device) -> "Positions":
        """0 .. tokens - 1 in every row."""
        return cls(torch.arange(tokens, device=device), tokens)


@dataclass(frozen=True)
class PositionEncoding:
    """Three ways to tell a network the positions of tokens. Each does nothing here; a kind overrides those that it uses."""

    def check(self, head_width: int) -> None:
        """ValueError if heads of this width do not suit the encoding."""

    def embed(self, x: Float[Tensor, "B T D"], positions: Positions) -> Float[Tensor, "B T D"]:
        """Embeddings with their positions."""
        return x

    def rotate(
        self, query: Float[Tensor, "B H T E"], key: Float[Tensor, "B G T E"], positions: Positions
    ) -> tuple[Float[Tensor, "B H T E"], Float[Tensor, "B G T E"]]:
        """Queries and keys of self-attention with their positions."""
        return query, key

    def bias(
        self, heads: int, queries: Positions, keys: Positions, dtype: torch.dtype
    ) -> Float[Tensor, "M H T S"] | None:
        """Added to the scores of self-attention; the same for every layer."""
        return None


@dataclass(frozen=True)
class NoPositions(PositionEncoding):
    """No positions: a causal network can still tell them apart (Haviv et al. 2022, 2203.16634)."""


@dataclass(frozen=True)
class Sinusoidal(PositionEncoding):
    """Fixed sines and cosines, added; any length (Vaswani et al. 2017)."""

    base: Annotated[float, "wavelengths grow from 2 pi towards 2 pi times this", Fact(above=1)] = 10_000.0

    def __post_init__(self) -> None:
        config.check(self)

    def embed(self, x: Float[Tensor, "B T D"], positions: Positions) -> Float[Tensor, "B T D"]:
        return x + _values_at(sinusoidal, positions, x.shape[-1], self.base, x.dtype)


@dataclass(frozen=True)
class Rotary(PositionEncoding):
    """Rotations of the queries and keys of self-attention: scores depend on distances; any length (Su et al. 2021)."""

    base: Annotated[float, "wavelengths grow from 2 pi towards 2 pi times this", Fact(above=1)] = 10_000.0

    def __post_init__(self) -> None:
        config.check(self)

    def check(self, head_width: int) -> None:
        if head_width % 2:
            raise ValueError(
                f"rotary positions need heads of an even width, found {head_width} (head-width, or d-model over heads)"
            )

    def rotate(
        self, query: Float[Tensor, "B H T E"], key: Float[Tensor, "B G T E"], positions: Positions
    ) -> tuple[Float[Tensor, "B H T E"], Float[Tensor, "B G T E"]]:
        turn = _values_at(rotary, positions, query.shape[-1], self.base, query.dtype)  # (T, 2, E) or (B, T, 2, E)
        if turn.ndim > 3:
            turn = turn[:, None]
        return rotate(query, turn), rotate(key, turn)


@dataclass(frozen=True)
class Alibi(PositionEncoding):
    """A penalty on each score that grows with the distance, at its own rate in each head (Press et al. 2021, 2108.12409).

    In the paper queries see earlier keys only. Here distances in both directions count alike.
    """

    def bias(self, heads: int, queries: Positions, keys: Positions, dtype: torch.dtype) -> Float[Tensor, "M H T S"]:
        distance = (queries.index.unsqueeze(-1) - keys.index.unsqueeze(-2)).abs()  # (T, S) or (B, T, S)
        slopes = torch.tensor(alibi_slopes(heads), device=distance.device)
        return (-slopes[:, None, None] * distance.view(-1, 1, *distance.shape[-2:])).to(dtype)


def sinusoidal(positions: Int[Tensor, "*B"], width: int, base: float = 10_000.0) -> Float[Tensor, "*B D"]:
    """Sines in the even features, cosines in the odd ones (Vaswani et al. 2017, section 3.5), in float64 then float32.

    PE(p, 2i) = sin(p / base^(2i/D)), PE(p, 2i+1) = cos(p / base^(2i/D)); position 0 is [0, 1, 0, 1, ...].
    """
    angles = _angles(positions, width, base)  # (*B, ceil(D / 2))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :width].float()


def rotary(positions: Int[Tensor, "*B"], width: int, base: float = 10_000.0) -> Float[Tensor, "*B 2 E"]:
    """Cosines, and sines with the sign that `rotate` needs: of p / base^(2i/E) in features i and i + E/2."""
    angles = _angles(positions, width, base)
    cosines, sines = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cosines, cosines], -1), torch.cat([-sines, sines], -1)], -2).float()


def rotate(x: Float[Tensor, "*B E"], turn: Float[Tensor, "*#B 2 E"]) -> Float[Tensor, "*B E"]:
    """Turns the plane of features i and i + E/2 by the angle of each position (Su et al. 2021, RoPE, 2104.09864).

    Lengths stay, and the product of two rotated vectors depends on their distance only. These planes are those of LLaMA;
    the paper's own, of features 2i and 2i + 1, are the same after a permutation of the features.
    """
    halves = torch.cat(x.chunk(2, -1)[::-1], -1)
    return torch.addcmul(x * turn[..., 0, :], halves, turn[..., 1, :])


def alibi_slopes(heads: int) -> list[float]:
    """2^(-8/H), 2^(-16/H), ...: for 4 heads 1/4, 1/16, 1/64, 1/256.

    Where H is no power of 2, as in the authors' code: the slopes of the next smaller power, then every other slope of the
    next greater one.
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2.0 ** (-8.0 * (head + 1) / power) for head in range(power)]
    between = [2.0 ** (-4.0 * (2 * head + 1) / power) for head in range(heads - power)]
    return slopes + between


def _angles(positions: Int[Tensor, "*B"], width: int, base: float) -> Float[Tensor, "*B half"]:
    even = torch.arange(0, width, 2, device=positions.device, dtype=torch.float64)
    return positions.unsqueeze(-1) * torch.exp(even * (-math.log(base) / width))


Function = Callable[[Tensor, int, float], Tensor]


def _values_at(function: Function, positions: Positions, width: int, base: float, dtype: torch.dtype) -> Tensor:
    """function(positions, width, base), from a table that all layers share, of 64, 128, 256, ... positions."""
    size = 1 << max(6, (positions.end - 1).bit_length())
    return _table(function, size, width, base, dtype, positions.index.device)[positions.index]


@lru_cache(maxsize=64)
def _table(function: Function, size: int, width: int, base: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The function at positions 0 .. size - 1. A constant, not a buffer: casting a module would round it."""
    with torch.inference_mode(False), torch.no_grad():
        return function(torch.arange(size, device=device), width, base).to(dtype)


POSITIONS: dict[str, type[PositionEncoding]] = {
    "none": NoPositions,
    "sinusoidal": Sinusoidal,
    "rotary": Rotary,
    "alibi": Alibi,
}
