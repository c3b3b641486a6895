"""Normalisation over the feature axis, D wide."""

from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce import config
from transduce.config import Fact


@runtime_checkable
class Norm(Protocol):
    """Builds the module of a norm."""

    def module(self, width: int) -> nn.Module: ...


def rms_norm(x: Float[Tensor, "*B D"], gain: Float[Tensor, " D"], eps: float) -> Float[Tensor, "*B D"]:
    """x / sqrt(mean(x^2) + eps) * gain, the mean in float32 at least (Zhang and Sennrich 2019, 1910.07467)."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype) * gain


class RMSNormModule(nn.Module):
    """`rms_norm` with a learned gain of shape (D,)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


@dataclass(frozen=True)
class LayerNorm:
    """(x - mean) / sqrt(variance + eps) * gain + bias (Ba, Kiros and Hinton 2016, 1607.06450).

    Mean and variance are those of the D features: sums divided by D.
    """

    eps: Annotated[float, "added to the variance", Fact(above=0)] = 1e-5

    def __post_init__(self) -> None:
        config.check(self)

    def module(self, width: int) -> nn.Module:
        return nn.LayerNorm(width, eps=self.eps)


@dataclass(frozen=True)
class RMSNorm:
    """x / sqrt(mean(x^2) + eps) * gain (Zhang and Sennrich 2019, 1910.07467)."""

    eps: Annotated[float, "added to the mean square", Fact(above=0)] = 1e-6

    def __post_init__(self) -> None:
        config.check(self)

    def module(self, width: int) -> nn.Module:
        return RMSNormModule(width, self.eps)


NORMS: dict[str, type[Norm]] = {"layer-norm": LayerNorm, "rms-norm": RMSNorm}
