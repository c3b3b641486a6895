"""The standardisation that batch, layer, instance and group normalisation have in common."""

import torch
from jaxtyping import Float
from torch import Tensor


def standardise(x: Float[Tensor, "*S"], axes: tuple[int, ...], eps: float) -> Float[Tensor, "*S"]:
    """(x - mean) / sqrt(variance + eps), over these axes; the variance is a sum of squares divided by their size (biased)."""
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps)


def per_channel(values: Float[Tensor, " C"], like: Float[Tensor, "B C *S"]) -> Float[Tensor, "1 C *ones"]:
    """One value for each channel, in a shape that broadcasts."""
    return values.view(1, -1, *[1] * (like.ndim - 2))
