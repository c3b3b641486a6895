"""Instance normalisation. Letters: B batch, C channels, S places (length, or height and width)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer
from transduce.layers.atlas.standardise import standardise


def instance_norm(x: Float[Tensor, "B C *S"], eps: float = 1e-5) -> Float[Tensor, "B C *S"]:
    """Each channel of each row is standardised over its own places."""
    return standardise(x, tuple(range(2, x.ndim)), eps)


def update_instance_running(
    mean: Float[Tensor, " C"], variance: Float[Tensor, " C"], x: Float[Tensor, "B C *S"], momentum: float = 0.1
) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """With track_running_stats: running = (1 - m) running + m batch, where batch is the mean over the rows of their statistics."""
    values = x.flatten(2)  # (B, C, S)
    means, variances = values.mean(2).mean(0), values.var(2, unbiased=True).mean(0)
    return (1 - momentum) * mean + momentum * means, (1 - momentum) * variance + momentum * variances


def _example() -> Example:
    x = torch.arange(1.0, 25.0).view(2, 3, 4)  # (N, C, L)
    return Example({"x": x}, {"y": instance_norm(x)}, {"y": nn.InstanceNorm1d(3)(x)})


INSTANCE_NORM = Layer(
    name="instance-norm",
    purpose="Standardises each channel of each image by itself, which removes its contrast and brightness.",
    formula="y = (x - mean) / sqrt(variance + eps); mean and variance of one channel of one row over its places",
    shapes="(B, C, *) -> the same",
    source="Ulyanov, Vedaldi and Lempitsky 2016, Instance Normalization, 1607.08022",
    module="torch.nn.InstanceNorm1d, InstanceNorm2d, InstanceNorm3d",
    parameters="none; 2C with affine=True",
    cost="two passes over the numbers",
    reference=instance_norm,
    example=_example,
    notes=(
        "affine is False by default, in contrast to the other norms.",
        "With track_running_stats the running variance is the mean of the unbiased variances of the rows.",
        "Example: (N, C, L) = (2, 3, 4), values 1..24; means 2.5, 6.5, ..., 22.5, standard deviation 1.118 each.",
    ),
)
