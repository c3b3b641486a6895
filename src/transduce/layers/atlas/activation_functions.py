"""Activation functions: each changes every number by itself."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer


def relu(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """max(x, 0)."""
    return torch.where(x > 0, x, torch.zeros_like(x))


def sigmoid(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """1 / (1 + e^-x), from e^-|x|, which does not overflow."""
    small = torch.exp(-x.abs())
    return torch.where(x >= 0, torch.ones_like(x), small) / (1 + small)


def tanh(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """(e^x - e^-x) / (e^x + e^-x) = 2 sigmoid(2x) - 1."""
    return 2 * sigmoid(2 * x) - 1


def gelu(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """x times the probability that a standard normal variable is below x."""
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def silu(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """x sigmoid(x)."""
    return x * sigmoid(x)


def _example(function: Callable[[Tensor], Tensor], module: nn.Module) -> Callable[[], Example]:
    def example() -> Example:
        x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
        return Example({"x": x}, {"y": function(x)}, {"y": module(x)})

    return example


def _row(
    function: Callable[[Tensor], Tensor], module: nn.Module, purpose: str, formula: str, source: str, *notes: str
) -> Layer:
    return Layer(
        name=function.__name__,
        purpose=purpose,
        formula=formula,
        shapes="any shape, the same out",
        source=source,
        module=f"torch.nn.{type(module).__name__}",
        parameters="none",
        cost="one evaluation for each number",
        reference=function,
        example=_example(function, module),
        notes=notes,
        elementwise=True,
    )


RELU = _row(
    relu,
    nn.ReLU(),
    "Negative numbers become zero.",
    "y = max(x, 0)",
    "Nair and Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",
    "The derivative at 0 is 0 by convention. A unit that is negative for every example gets no gradient.",
)
SIGMOID = _row(
    sigmoid,
    nn.Sigmoid(),
    "Any number becomes a share between 0 and 1, as gates and yes/no probabilities need.",
    "y = 1 / (1 + e^-x)",
    "Verhulst 1838 (the logistic function)",
    "The derivative is y (1 - y), at most 1/4: stacked sigmoids shrink gradients.",
)
TANH = _row(
    tanh,
    nn.Tanh(),
    "Any number becomes one between -1 and 1, with zero unchanged.",
    "y = (e^x - e^-x) / (e^x + e^-x)",
    "LeCun et al. 1998, Efficient BackProp",
    "tanh(x) = 2 sigmoid(2x) - 1; its derivative is 1 - y^2, 1 at zero.",
)
GELU = _row(
    gelu,
    nn.GELU(),
    "A smooth ReLU: weighs a number by the probability that a normal variable is smaller.",
    "y = x Phi(x) = x (1 + erf(x / sqrt(2))) / 2",
    "Hendrycks and Gimpel 2016, Gaussian Error Linear Units, 1606.08415",
    "The tanh form of GPT-2 is an approximation; weights that were trained with one need the same one.",
    "It is not monotonic: its minimum is about -0.17 at -0.75.",
)
SILU = _row(
    silu,
    nn.SiLU(),
    "A smooth ReLU: weighs a number by its own sigmoid. SwiGLU uses it as a gate.",
    "y = x sigmoid(x)",
    "Elfwing, Uchibe and Doya 2017, 1702.03118; Swish: Ramachandran, Zoph and Le 2017, 1710.05941",
    "It is not monotonic: its minimum is about -0.28 at -1.28.",
)
