"""Scores of each key for each query."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Score(Protocol):
    def __call__(self, query: Tensor, key: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class ScaledDotProduct:
    """q k^T / sqrt(E) (Vaswani et al. 2017, 1706.03762), or times `scale` where one is given."""

    scale: float | None = None

    def factor(self, width: int) -> float:
        return 1.0 / math.sqrt(width) if self.scale is None else self.scale

    def __call__(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S E"]) -> Float[Tensor, "*B L S"]:
        return (query * self.factor(query.shape[-1])) @ key.transpose(-2, -1)
