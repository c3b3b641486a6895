"""Initial weights."""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def xavier_linear(width: int, *outputs: int, bias: bool = True) -> nn.Linear:
    """One nn.Linear that packs maps to so many features each, so that one product serves all of them.

    Weights are Xavier uniform (Glorot and Bengio 2010), each map on its own; biases are zero.
    """
    linear = nn.Linear(width, sum(outputs), bias=bias)
    for weight in linear.weight.split(outputs):
        nn.init.xavier_uniform_(weight)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


@torch.no_grad()
def embedding(weight: Tensor, width: int) -> None:
    """Normal with standard deviation width^-0.5: of unit size after the paper's scaling by sqrt(width)."""
    nn.init.normal_(weight, std=1.0 / math.sqrt(width))
