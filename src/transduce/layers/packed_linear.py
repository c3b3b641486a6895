"""Linear maps of one input, packed in one weight as in torch.nn.MultiheadAttention."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class PackedLinear(nn.Linear):
    """x W^T + b for several maps at once: map i has `outputs[i]` features, and the maps stand one after the other.

    Each map begins with Xavier uniform weights (Glorot and Bengio 2010) and zero biases. One packed matrix also suits the
    optimiser Muon, which makes updates orthogonal matrix by matrix: networks with a matrix for each map learn more slowly.
    """

    @torch.no_grad()
    def __init__(self, width: int, *outputs: int) -> None:
        super().__init__(width, sum(outputs))
        self.outputs = outputs
        for weight in self.weight.split(outputs):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.bias)

    def part(self, x: Float[Tensor, "*B D"], first: int, last: int) -> Float[Tensor, "*B X"]:
        """The features of maps first .. last - 1 alone."""
        rows = slice(sum(self.outputs[:first]), sum(self.outputs[:last]))
        return F.linear(x, self.weight[rows], self.bias[rows])
