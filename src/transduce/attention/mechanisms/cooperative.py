"""Cooperative attention: a gate for the channels, then a gate for the pixels (CBAM).

Letters: B pictures, C channels, R channels inside the gate, h height, w width.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import COLUMNS, ROWS, Gated, pictures
from transduce.attention.mechanisms.spatial import SpatialGate


class ChannelGate(nn.Module):
    """sigmoid(network(mean) + network(maximum)), over the pixels of each channel; the two share one network."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, inner, bias=False)
        self.excite = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C 1 1"]:
        sides = (x.mean((2, 3)), x.amax((2, 3)))
        gates: Tensor = sum(self.excite(F.relu(self.squeeze(each))) for each in sides).sigmoid()
        return gates[..., None, None]


class Cooperative(nn.Module):
    """The channels' gate decides what matters; the pixels' gate sees the result and decides where."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.channels, self.pixels = Gated(ChannelGate(channels, inner)), Gated(SpatialGate())

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        y: Tensor = self.pixels(self.channels(x))
        return y

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """The product of both gates: `weights * x` is the output."""
        gates: Tensor = self.channels.gate(x) * self.pixels.gate(self.channels(x))
        return gates


COOPERATIVE = Mechanism(
    name="cooperative",
    purpose="Two gates in series: which channels matter, then which pixels.",
    formula="y = sigmoid(MLP(mean x) + MLP(max x)) * x, then sigmoid(convolution([mean_c y, max_c y])) * y",
    paper="Woo et al. 2018, CBAM: Convolutional Block Attention Module, 1807.06521",
    cost="time h * w * (2 C + 2 * 49); 2 C R + 99 parameters for R channels inside",
    kind="arrangement",
    build=lambda width: Cooperative(width // 2, max(1, width // 4)),  # fewer maps on the page
    shapes="(B, C, h, w) -> (B, C, h, w)",
    inputs=lambda batch, width: pictures(batch, width // 2),
    sides=(ROWS, COLUMNS),
    caption="Head n is channel n: the product of its gate and the gate of each pixel.",
    sums_to_one=False,
    note="The name has no paper of its own; others use it for talking heads, which mix the weights of all heads.",
    alternates=("channel-wise", "spatial", "danet", "talking-heads"),
)
