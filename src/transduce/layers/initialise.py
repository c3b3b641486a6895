"""How weights begin."""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def xavier_blocks(weight: Tensor, blocks: int) -> None:
    """Xavier uniform (Glorot and Bengio 2010) for a weight (blocks * out, in) that packs several maps, each on its own."""
    for block in weight.chunk(blocks, dim=0):
        nn.init.xavier_uniform_(block)


@torch.no_grad()
def xavier_linear_layers(module: nn.Module) -> None:
    """Xavier uniform weights and zero biases for every nn.Linear inside `module`."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


@torch.no_grad()
def embedding(weight: Tensor, width: int) -> None:
    """Normal with standard deviation width^-0.5: of unit size after the paper's scaling by sqrt(width)."""
    nn.init.normal_(weight, std=1.0 / math.sqrt(width))
