"""Normalisers: scores and a mask to weights."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from transduce.layers.dropout import dropout


@runtime_checkable
class Normaliser(Protocol):
    def __call__(self, scores: Tensor, allowed: Tensor | None) -> Tensor: ...


@dataclass(frozen=True)
class Softmax:
    """Weights that sum to 1 over the allowed keys; a row that may attend to nothing gets all zeros, never NaN.

    `dropout` is the share of the weights that are then set to zero, while the others grow by as much: for training only.
    """

    dropout: float = 0.0

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Bool[Tensor, "..."] | None) -> Float[Tensor, "*B L S"]:
        if allowed is None:
            return dropout(scores.softmax(-1), self.dropout, True)
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        return dropout(scores.softmax(-1).masked_fill(~allowed, 0.0), self.dropout, True)
