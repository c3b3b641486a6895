"""Absolute position encodings, added to the embeddings."""

import math
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@runtime_checkable
class Positions(Protocol):
    """What an architecture asks of a position encoding: a module from positions (..., T) to vectors (..., T, D)."""

    def module(self, width: int) -> nn.Module: ...


def sinusoidal(positions: Int[Tensor, "*B"], width: int, base: float = 10_000.0) -> Float[Tensor, "*B D"]:
    """Sines in the even features, cosines in the odd ones (Vaswani et al. 2017, section 3.5), in float64 then float32.

    PE(p, 2i) = sin(p / base^(2i/D)), PE(p, 2i+1) = cos(p / base^(2i/D)); position 0 is [0, 1, 0, 1, ...].
    """
    even = torch.arange(0, width, 2, device=positions.device, dtype=torch.float64)
    angles = positions.unsqueeze(-1) * torch.exp(even * (-math.log(base) / width))  # (*B, ceil(D / 2))
    pairs = torch.stack([angles.sin(), angles.cos()], dim=-1)
    return pairs.flatten(-2)[..., :width].float()


class SinusoidalModule(nn.Module):
    """`sinusoidal` looked up in a table that grows to the longest position seen.

    The table is neither a weight nor a buffer: a cast of the module would round it, so it is made anew per element type.
    """

    def __init__(self, width: int, base: float) -> None:
        super().__init__()
        self.width = width
        self.base = base
        self.table = torch.empty(0, width)

    def forward(self, positions: Int[Tensor, "*B T"], longest: int, dtype: torch.dtype) -> Float[Tensor, "*B T D"]:
        """positions are all below `longest` (known to the caller, so that no value is read back from an accelerator)."""
        if longest > len(self.table) or self.table.dtype != dtype or self.table.device != positions.device:
            rows = max(64, 2 * longest if longest > len(self.table) else len(self.table))
            self.table = sinusoidal(torch.arange(rows, device=positions.device), self.width, self.base).to(dtype)
        return self.table[positions]


@dataclass(frozen=True)
class Sinusoidal:
    """Fixed sines and cosines; any length (Vaswani et al. 2017)."""

    base: Annotated[float, "the longest wavelength is 2 pi times this"] = 10_000.0

    def __post_init__(self) -> None:
        if self.base <= 1:
            raise ValueError(f"base must be above 1, found {self.base}")

    def module(self, width: int) -> nn.Module:
        return SinusoidalModule(width, self.base)


POSITIONS: dict[str, type[Positions]] = {"sinusoidal": Sinusoidal}
