"""Xavier and He initial weights."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.layers.atlas.layer import Example, Layer

SHAPES = {"linear 3 -> 6": (6, 3), "conv 2 -> 6, 3 x 3": (6, 2, 3, 3), "conv, 2 groups": (6, 1, 3, 3)}


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs of one output, and outputs of one input, of a weight (O, I, *kernel); each counts the area of the kernel.

    fans((6, 2, 3, 3)) == (18, 54)
    """
    area = math.prod(shape[2:])
    return shape[1] * area, shape[0] * area


def xavier_deviation(shape: tuple[int, ...], gain: float = 1.0) -> float:
    """Variance 2 gain^2 / (fan_in + fan_out): a compromise between keeping outputs and keeping gradients of one size."""
    return gain * math.sqrt(2 / sum(fans(shape)))


def he_deviation(shape: tuple[int, ...], gain: float = math.sqrt(2)) -> float:
    """Variance gain^2 / fan_in. The gain sqrt(2) makes up for the half of the inputs that a ReLU sets to zero."""
    return gain / math.sqrt(fans(shape)[0])


def normal_weights(shape: tuple[int, ...], deviation: float) -> Float[Tensor, "*S"]:
    """Normal with this standard deviation."""
    return torch.randn(shape) * deviation


def uniform_weights(shape: tuple[int, ...], deviation: float) -> Float[Tensor, "*S"]:
    """Uniform between -b and b, with b = sqrt(3) deviation, which gives this standard deviation."""
    return (2 * torch.rand(shape) - 1) * math.sqrt(3) * deviation


def _example(deviation: Callable[[tuple[int, ...]], float]) -> Callable[[], Example]:
    def example() -> Example:
        rows = [(*fans(shape), deviation(shape), math.sqrt(3) * deviation(shape)) for shape in SHAPES.values()]
        return Example({}, {"fan in, fan out, deviation, bound of the uniform": torch.tensor(rows)})

    return example


WEIGHTS = "Rows of the example: " + "; ".join(f"{name}, weight {shape}" for name, shape in SHAPES.items()) + "."
FANS = "A transposed convolution has the weight (I, O, k, k), so PyTorch reports its fans the wrong way round."

XAVIER = Layer(
    name="xavier",
    purpose="Initial weights that keep the size of signals and gradients through layers with symmetric activations.",
    formula="standard deviation gain * sqrt(2 / (fan_in + fan_out)); uniform between +-sqrt(3) of that",
    shapes="weight (O, I, *kernel); fans count the area of the kernel, and I within a group",
    source="Glorot and Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural Networks",
    module="torch.nn.init.xavier_normal_, xavier_uniform_",
    parameters="none",
    cost="one random number for each weight, once",
    reference=xavier_deviation,
    example=_example(xavier_deviation),
    notes=("Gains: 1 for linear and sigmoid, 5/3 for tanh, sqrt(2) for ReLU.", FANS, WEIGHTS),
)

HE = Layer(
    name="he",
    purpose="Initial weights that keep the size of signals through layers with ReLU.",
    formula="standard deviation sqrt(2 / fan_in) for ReLU; uniform between +-sqrt(3) of that",
    shapes="weight (O, I, *kernel); fans count the area of the kernel, and I within a group",
    source="He et al. 2015, Delving Deep into Rectifiers, 1502.01852",
    module='torch.nn.init.kaiming_normal_, kaiming_uniform_(nonlinearity="relu")',
    parameters="none",
    cost="one random number for each weight, once",
    reference=he_deviation,
    example=_example(he_deviation),
    notes=(
        "Gain for leaky ReLU of slope a: sqrt(2 / (1 + a^2)). PyTorch's default a = 0 is that of ReLU.",
        "fan_out instead of fan_in keeps the size of gradients.",
        FANS,
        WEIGHTS,
    ),
)
