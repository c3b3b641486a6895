"""Linear map. Letters: I input features, O output features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights


def linear(
    x: Float[Tensor, "*B I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None = None
) -> Float[Tensor, "*B O"]:
    """x W^T + b."""
    y = x @ weight.T
    return y if bias is None else y + bias


def _example() -> Example:
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    weight, bias = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]]), torch.tensor([0.0, 1.0])
    module = set_weights(nn.Linear(3, 2), weight=weight, bias=bias)
    return Example(
        {"x": x, "weight": weight, "bias": bias},
        {"y": linear(x, weight, bias)},
        {"y": module(x).detach()},
        parameter_count(module),
    )


LINEAR = Layer(
    name="linear",
    purpose="Each output feature is a weighted sum of all input features.",
    formula="y = x W^T + b",
    shapes="(*, I) -> (*, O); weight (O, I), bias (O)",
    source="Rosenblatt 1958, The Perceptron",
    module="torch.nn.Linear",
    parameters="I * O + O",
    cost="I * O multiplications for each vector",
    reference=linear,
    example=_example,
    notes=(
        "A row of the weight belongs to one output feature: the shape is (O, I), not (I, O).",
        "PyTorch draws weight and bias from U(-1/sqrt(I), 1/sqrt(I)).",
    ),
)
