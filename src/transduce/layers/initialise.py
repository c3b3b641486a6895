"""Initial weights."""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def xavier_linear(width: int, output: int, bias: bool = True) -> nn.Linear:
    """Xavier uniform weights (Glorot and Bengio 2010); biases are zero."""
    linear = nn.Linear(width, output, bias=bias)
    nn.init.xavier_uniform_(linear.weight)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


@torch.no_grad()
def embedding(weight: Tensor, width: int) -> None:
    """Normal with standard deviation width^-0.5: of unit size after the paper's scaling by sqrt(width)."""
    nn.init.normal_(weight, std=1.0 / math.sqrt(width))
