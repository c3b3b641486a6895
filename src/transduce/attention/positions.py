"""Where a token stands: encodings added to the embeddings, and rotations of what attention compares.

Letters: T tokens, D width of the model, H heads, E width of a head.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@runtime_checkable
class Positions(Protocol):
    """What an architecture asks of a position encoding."""

    def added(self, width: int) -> nn.Module | None:
        """From positions to vectors that are added to the embeddings (`Added`), if any are."""
        ...

    def rotation(self, width: int) -> nn.Module | None:
        """What turns queries and keys of self-attention, heads of this width (`Rotation`), if they are turned."""
        ...


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
    swapped = torch.cat(x.chunk(2, -1)[::-1], -1)
    return torch.addcmul(x * turn[..., 0, :], swapped, turn[..., 1, :])


def _angles(positions: Int[Tensor, "*B"], width: int, base: float) -> Float[Tensor, "*B half"]:
    even = torch.arange(0, width, 2, device=positions.device, dtype=torch.float64)
    return positions.unsqueeze(-1) * torch.exp(even * (-math.log(base) / width))


def positions_from(start: Int[Tensor, " B"] | None, tokens: int, device: torch.device) -> Int[Tensor, "*B T"]:
    """The positions of so many tokens in each row, row b from start[b] on (B, T), or of all rows from 0 on (T,)."""
    positions = torch.arange(tokens, device=device)
    return positions if start is None else start[:, None] + positions


class _Table:
    """Rows of a function of the position, up to the longest seen.

    It is neither a weight nor a buffer: a cast of the module would round it, so it is made anew per element type.
    """

    def __init__(self, make: Callable[[Tensor], Tensor]) -> None:
        self._make, self._rows = make, torch.empty(0)

    def rows(self, positions: Int[Tensor, "*B"], longest: int, dtype: torch.dtype) -> Tensor:
        held = self._rows
        if longest > len(held) or held.dtype != dtype or held.device != positions.device:
            rows = max(64, 2 * longest if longest > len(held) else len(held))
            self._rows = self._make(torch.arange(rows, device=positions.device)).to(dtype)
        return self._rows[positions]


class Added(nn.Module):
    """`sinusoidal`, looked up."""

    def __init__(self, width: int, base: float) -> None:
        super().__init__()
        self.table = _Table(lambda positions: sinusoidal(positions, width, base))

    def forward(self, positions: Int[Tensor, "*B T"], longest: int, dtype: torch.dtype) -> Float[Tensor, "*B T D"]:
        """positions are all below `longest` (known to the caller, so that no value is read back from an accelerator)."""
        return self.table.rows(positions, longest, dtype)


class Rotation(nn.Module):
    """`rotate` by `rotary`, looked up."""

    def __init__(self, width: int, base: float) -> None:
        super().__init__()
        if width % 2:
            raise ValueError(f"rotary positions need heads of an even width, found {width} (d-model over heads)")
        self.table = _Table(lambda positions: rotary(positions, width, base))

    def forward(
        self,
        query: Float[Tensor, "B H T E"],
        key: Float[Tensor, "B H T E"],
        positions: Int[Tensor, "*B T"],
        longest: int,
    ) -> tuple[Float[Tensor, "B H T E"], Float[Tensor, "B H T E"]]:
        """Both with each token turned by its position, of which all are below `longest`: (T,) for all rows or (B, T)."""
        turn = self.table.rows(positions, longest, query.dtype)
        if positions.ndim > 1:
            turn = turn[:, None]
        return rotate(query, turn), rotate(key, turn)


@dataclass(frozen=True)
class Sinusoidal:
    """Fixed sines and cosines, added; any length (Vaswani et al. 2017)."""

    base: Annotated[float, "the longest wavelength is 2 pi times this"] = 10_000.0

    def __post_init__(self) -> None:
        _check_base(self.base)

    def added(self, width: int) -> nn.Module | None:
        return Added(width, self.base)

    def rotation(self, width: int) -> nn.Module | None:
        return None


@dataclass(frozen=True)
class Rotary:
    """Rotations of the queries and keys of self-attention: what counts is the distance; any length (Su et al. 2021)."""

    base: Annotated[float, "the longest wavelength is 2 pi times this"] = 10_000.0

    def __post_init__(self) -> None:
        _check_base(self.base)

    def added(self, width: int) -> nn.Module | None:
        return None

    def rotation(self, width: int) -> nn.Module | None:
        return Rotation(width, self.base)


def _check_base(base: float) -> None:
    if base <= 1:
        raise ValueError(f"base must be above 1, found {base}")


POSITIONS: dict[str, type[Positions]] = {"sinusoidal": Sinusoidal, "rotary": Rotary}
