"""Softmax."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer


def softmax(x: Float[Tensor, "*S"], axis: int = -1) -> Float[Tensor, "*S"]:
    """e^x_i / sum_j e^x_j. The largest x is subtracted first, which changes nothing but the size of the exponentials."""
    exponentials = torch.exp(x - x.amax(axis, keepdim=True).detach())
    return exponentials / exponentials.sum(axis, keepdim=True)


def _example() -> Example:
    x = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [10.0, 20.0, 30.0]])
    return Example({"x": x}, {"y": softmax(x)}, {"y": nn.Softmax(-1)(x)})


SOFTMAX = Layer(
    name="softmax",
    purpose="Numbers along an axis become positive shares that sum to 1.",
    formula="y_i = e^x_i / sum_j e^x_j",
    shapes="any shape, the same out; sums run over one axis",
    source="Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",
    module="torch.nn.Softmax",
    parameters="none",
    cost="one exponential for each number",
    reference=softmax,
    example=_example,
    notes=(
        "A constant added to all x changes nothing; a factor does: large scores give one share near 1 and gradients near 0.",
        "The Jacobian is diag(y) - y y^T.",
        "For losses, log-softmax keeps precision that the logarithm of a softmax loses.",
    ),
)
