"""Attention over convolution kernels: each picture has its own mixture of K kernels (dynamic convolution).

Letters: B pictures, C input channels, O output channels, K kernels, k size of a kernel, h height, w width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import pictures

KERNELS = 4


def mixed_convolution(
    x: Float[Tensor, "B C h w"],
    mixture: Float[Tensor, "B K"],
    kernels: Float[Tensor, "K O C k k"],
    biases: Float[Tensor, "K O"],
) -> Float[Tensor, "B O h w"]:
    """(sum_k mixture_k kernel_k) * x + sum_k mixture_k bias_k, with zeros beyond the edges; k must be odd.

    One convolution in B groups: the pictures stand side by side as groups of channels.
    """
    batch, size = len(x), kernels.shape[-1]
    own = torch.einsum("bk,kocij->bocij", mixture, kernels).flatten(0, 1)  # (B O, C, k, k)
    y = F.conv2d(x.flatten(0, 1)[None], own, (mixture @ biases).flatten(), padding=size // 2, groups=batch)
    by_picture: Tensor = y[0].unflatten(0, (batch, -1))
    return by_picture


class DynamicConvolution(nn.Module):
    """The mixture is softmax(network(mean of x over its pixels) / temperature)."""

    def __init__(
        self, channels: int, output: int, size: int = 3, kernels: int = KERNELS, temperature: float = 1.0
    ) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"the size of a kernel must be odd, found {size}")
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, found {temperature}")
        self.temperature = temperature
        inner = max(1, channels // 4)
        self.network = nn.Sequential(nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, kernels))
        self.kernels = nn.Parameter(torch.empty(kernels, output, channels, size, size))
        self.biases = nn.Parameter(torch.zeros(kernels, output))
        for kernel in self.kernels:
            nn.init.kaiming_uniform_(kernel, nonlinearity="relu")

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B O h w"]:
        return mixed_convolution(x, self.mixture(x), self.kernels, self.biases)

    def mixture(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B K"]:
        scores: Tensor = self.network(x.mean((2, 3))) / self.temperature
        return scores.softmax(-1)

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 1 K"]:
        return self.mixture(x).unsqueeze(1)


DYNAMIC_KERNELS = Mechanism(
    name="dynamic-kernels",
    purpose="A convolution whose kernel suits the picture: attention mixes K learned kernels.",
    formula="(sum_k softmax_k(MLP(mean x) / temperature) W_k) * x",
    paper="Chen et al. 2020, Dynamic Convolution: Attention over Convolution Kernels, 1912.03458",
    cost="time of one convolution plus K C O k^2 for the mixture; K times the parameters",
    kind="own module",
    build=lambda width: DynamicConvolution(width, width),
    shapes="(B, C, h, w) -> (B, O, h, w)",
    inputs=pictures,
    sides=(("picture",), tuple(f"kernel {number}" for number in range(1, KERNELS + 1))),
    caption="The share of each kernel.",
    note="The paper begins with temperature 30, nearly equal shares, and lowers it to 1 in training.",
    alternates=("dynamic", "dynamic-convolutional"),
)
