"""Group normalisation. Letters: B batch, C channels, S places (length, or height and width)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count
from transduce.layers.atlas.standardise import per_channel, standardise


def group_norm(
    x: Float[Tensor, "B C *S"], groups: int, weight: Float[Tensor, " C"], bias: Float[Tensor, " C"], eps: float = 1e-5
) -> Float[Tensor, "B C *S"]:
    """Each group of neighbouring channels of each row is standardised together; gain and bias are per channel."""
    standard = standardise(x.unflatten(1, (groups, -1)), tuple(range(2, x.ndim + 1)), eps).flatten(1, 2)
    return standard * per_channel(weight, x) + per_channel(bias, x)


def _example() -> Example:
    x = torch.arange(1.0, 97.0).view(1, 6, 4, 4)
    module = nn.GroupNorm(2, 6)
    return Example(
        {"x": x},
        {"y": group_norm(x, 2, torch.ones(6), torch.zeros(6))},
        {"y": module(x).detach()},
        parameter_count(module),
        rows=2,
    )


GROUP_NORM = Layer(
    name="group-norm",
    purpose="Standardises groups of channels of each image, as steady for one image as for many.",
    formula="y = (x - mean) / sqrt(variance + eps) * gamma + beta; mean and variance of one group of one row",
    shapes="(B, C, *) -> the same; gamma and beta (C)",
    source="Wu and He 2018, Group Normalization, 1803.08494",
    module="torch.nn.GroupNorm",
    parameters="2C",
    cost="two passes over the numbers",
    reference=group_norm,
    example=_example,
    notes=(
        "One channel in each group is instance norm; one group is layer norm over (C, *), but with gain and bias per channel.",
        "Example: (1, 6, 4, 4), values 1..96, 2 groups; means 24.5 and 72.5, standard deviation 13.853 each.",
    ),
)
