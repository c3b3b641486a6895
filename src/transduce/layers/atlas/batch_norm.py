"""Batch normalisation. Letters: B batch, C channels, S other axes (none, length, or height and width)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights
from transduce.layers.atlas.standardise import per_channel, standardise


def batch_norm(
    x: Float[Tensor, "B C *S"], weight: Float[Tensor, " C"], bias: Float[Tensor, " C"], eps: float = 1e-5
) -> Float[Tensor, "B C *S"]:
    """In training: each channel is standardised over the batch and all places. ValueError for one value per channel."""
    if x.numel() == x.shape[1]:
        raise ValueError(
            f"batch normalisation needs more than one value per channel to train, found shape {tuple(x.shape)}"
        )
    axes = (0, *range(2, x.ndim))
    return standardise(x, axes, eps) * per_channel(weight, x) + per_channel(bias, x)


def batch_norm_in_use(
    x: Float[Tensor, "B C *S"],
    mean: Float[Tensor, " C"],
    variance: Float[Tensor, " C"],
    weight: Float[Tensor, " C"],
    bias: Float[Tensor, " C"],
    eps: float = 1e-5,
) -> Float[Tensor, "B C *S"]:
    """In evaluation: running statistics in place of those of the batch, so rows do not depend on each other."""
    standard = (x - per_channel(mean, x)) / torch.sqrt(per_channel(variance, x) + eps)
    return standard * per_channel(weight, x) + per_channel(bias, x)


def update_running(
    mean: Float[Tensor, " C"],
    variance: Float[Tensor, " C"],
    x: Float[Tensor, "B C *S"],
    momentum: float | None = 0.1,
    batches: int = 1,
) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """running = (1 - m) running + m batch, with the unbiased variance. Momentum None: m = 1 / batches, the mean of all so far."""
    m = 1.0 / batches if momentum is None else momentum
    values = x.transpose(0, 1).flatten(1)  # (C, B * S)
    return (1 - m) * mean + m * values.mean(1), (1 - m) * variance + m * values.var(1, unbiased=True)


def _example() -> Example:
    x = torch.arange(1.0, 37.0).view(3, 3, 4)  # (N, L, C)
    weight, bias = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([-1.0, -2.0, -3.0, -4.0])
    module = set_weights(nn.BatchNorm1d(4), weight=weight, bias=bias)
    channels_second = x.transpose(1, 2)  # (N, C, L), as the layer reads it
    return Example(
        {"x": x, "weight": weight, "bias": bias},
        {"y": batch_norm(channels_second, weight, bias).transpose(1, 2)},
        {"y": module(channels_second).transpose(1, 2).detach()},
        parameter_count(module),
    )


BATCH_NORM = Layer(
    name="batch-norm",
    purpose="Standardises each channel over the batch, so that deep networks of images train fast.",
    formula="y = (x - mean) / sqrt(variance + eps) * gamma + beta; mean and variance of a channel over batch and places",
    shapes="(B, C, *) -> the same; gamma, beta, running mean and variance (C)",
    source="Ioffe and Szegedy 2015, Batch Normalization, 1502.03167",
    module="torch.nn.BatchNorm1d, BatchNorm2d, BatchNorm3d",
    parameters="2C, and 2C running statistics",
    cost="two passes over the numbers; training on several machines must share statistics",
    reference=batch_norm,
    example=_example,
    notes=(
        "It divides by the biased variance, and stores the unbiased one for evaluation.",
        "running = (1 - m) running + m batch: PyTorch's momentum 0.1 is 0.9 in Keras. None is the mean of all batches.",
        "Rows of a batch depend on each other, so padding and batch size change results; a single value per channel is an error.",
        "Example: (N, L, C) = (3, 3, 4), gamma 1..4, beta -1..-4; means 17, 18, 19, 20; biased standard deviation 10.328.",
    ),
)
