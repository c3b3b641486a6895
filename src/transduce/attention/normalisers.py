"""Normalisers: scores and a mask to weights."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class Normaliser(Protocol):
    def __call__(self, scores: Tensor, allowed: Tensor | None) -> Tensor: ...


@dataclass(frozen=True)
class Softmax:
    """Weights that sum to 1 over the allowed keys; a row that may attend to nothing gets all zeros, never NaN."""

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Bool[Tensor, "..."] | None) -> Float[Tensor, "*B L S"]:
        if allowed is None:
            return scores.softmax(-1)
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        return scores.softmax(-1).masked_fill(~allowed, 0.0)
