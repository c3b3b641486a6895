"""Convolutional self-attention: queries and keys see the shape of a series around their step.

Letters: B batch, L steps, D width, H heads, E width of a head.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mask import Mask
from transduce.attention.masks import causal
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.multihead import merge_heads
from transduce.layers.initialise import xavier_linear

STEPS = 8


class Convolutional(nn.Module):
    """Causal self-attention with queries and keys from a causal convolution over `kernel` steps.

    ValueError for heads that do not divide the width, and for a kernel below 1.
    """

    def __init__(self, width: int, heads: int, kernel: int) -> None:
        super().__init__()
        if width % heads or kernel < 1:
            raise ValueError(
                f"heads must divide the width, and the kernel must be at least 1, found {heads}, {width} and {kernel}"
            )
        self.heads, self.kernel = heads, kernel
        self.to_query_key = nn.Conv1d(width, 2 * width, kernel)
        self.to_value = xavier_linear(width, width)
        self.to_output = xavier_linear(width, width)

    def forward(self, x: Float[Tensor, "B L D"], mask: Mask | None = None) -> Float[Tensor, "B L D"]:
        attended = attend(*self._queries_keys(x), self._split(self.to_value(x)), _causal(mask))
        output: Tensor = self.to_output(merge_heads(attended))
        return output

    def weights(self, x: Float[Tensor, "B L D"], mask: Mask | None = None) -> Float[Tensor, "B H L L"]:
        return attention_weights(*self._queries_keys(x), _causal(mask))

    def _queries_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        earlier = F.pad(x.transpose(1, 2), (self.kernel - 1, 0))  # output t sees steps t - kernel + 1 .. t
        query, key = self.to_query_key(earlier).transpose(1, 2).chunk(2, -1)
        return self._split(query), self._split(key)

    def _split(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B H L E"]:
        heads: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return heads


def _causal(mask: Mask | None) -> Mask:
    return causal() if mask is None else causal() & mask


def wave(batch: int, width: int) -> tuple[Tensor]:
    """A series that repeats every four steps."""
    phases = 2 * math.pi * torch.rand(batch, 1, width)
    return (2 * torch.sin(math.pi * torch.arange(STEPS)[:, None] / 2 + phases),)


CONVOLUTIONAL = Mechanism(
    name="convolutional",
    purpose="Compares the shapes of a series around two steps, not single values: an outlier differs from a turning point.",
    formula="causal attention with Q, K = causal convolution of X over k steps, V = X W",
    paper="Li et al. 2019, Enhancing the Locality and Breaking the Memory Bottleneck of Transformer on Time Series "
    "Forecasting, 1907.00235",
    cost="time L^2 D + k L D^2; (2 k + 2) D^2 + 4 D parameters",
    kind="point",
    build=lambda width: Convolutional(width, heads=2, kernel=3),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=wave,
    sides=([f"step {n + 1}" for n in range(STEPS)], [f"step {n + 1}" for n in range(STEPS)]),
    caption="A row shows where its step looks. The series repeats every four steps: columns four apart are equal from step 3 "
    "on, where the three steps of a key are equal.",
    note="A kernel of one step is causal attention.",
)
