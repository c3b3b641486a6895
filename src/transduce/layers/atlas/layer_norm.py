"""Layer normalisation. Letters: N the axes that are normalised, often only the features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights
from transduce.layers.atlas.standardise import standardise


def layer_norm(
    x: Float[Tensor, "*B"], weight: Float[Tensor, "*N"], bias: Float[Tensor, "*N"], eps: float = 1e-5
) -> Float[Tensor, "*B"]:
    """Each vector is standardised by itself, over the last axes: those of the weight."""
    return standardise(x, tuple(range(-weight.ndim, 0)), eps) * weight + bias


def _example() -> Example:
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    weight, bias = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, -2.0, -3.0])
    module = set_weights(nn.LayerNorm(3), weight=weight, bias=bias)
    return Example(
        {"x": x, "weight": weight, "bias": bias},
        {"y": layer_norm(x, weight, bias)},
        {"y": module(x).detach()},
        parameter_count(module),
    )


LAYER_NORM = Layer(
    name="layer-norm",
    purpose="Standardises the features of each token by themselves, whatever else is in the batch.",
    formula="y = (x - mean) / sqrt(variance + eps) * gamma + beta; mean and variance over the last axes",
    shapes="(*, N) -> the same; gamma and beta (N), one for each element",
    source="Ba, Kiros and Hinton 2016, Layer Normalization, 1607.06450",
    module="torch.nn.LayerNorm",
    parameters="2 N",
    cost="two passes over the numbers",
    reference=layer_norm,
    example=_example,
    notes=(
        "The variance is biased: a sum divided by N. eps is inside the root.",
        "Training and evaluation are the same, so one token at a time gives what a batch gives.",
        "Example: gamma 1..3, beta -1..-3; means 2 and 5, variance 2/3 each, so both rows come out equal.",
    ),
)
