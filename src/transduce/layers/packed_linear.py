"""Linear maps of one input, packed in one weight as in torch.nn.MultiheadAttention."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class PackedLinear(nn.Linear):
    """One nn.Linear that packs maps to so many features each, so that one product serves all of them.

    Weights are Xavier uniform (Glorot and Bengio 2010), each map on its own; biases are zero. Muon makes the packed matrix
    orthogonal as a whole: a map with greater gradients moves further. Networks that it trains so have fewer errors than
    those whose maps are matrices of their own.
    """

    @torch.no_grad()
    def __init__(self, width: int, *outputs: int) -> None:
        super().__init__(width, sum(outputs))
        self.outputs = outputs
        for weight in self.weight.split(outputs):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.bias)

    def part(self, x: Float[Tensor, "*B D"], first: int, last: int) -> Float[Tensor, "*B X"]:
        """Only the features of maps first .. last - 1."""
        rows = slice(sum(self.outputs[:first]), sum(self.outputs[:last]))
        return F.linear(x, self.weight[rows], self.bias[rows])
