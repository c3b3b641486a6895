"""Channel-wise attention: a gate for each channel (squeeze-and-excitation).

Letters: B pictures, C channels, h height, w width.
"""

from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import Gated, pictures
from transduce.layers.channels import ChannelGate

EXAMPLE_CHANNELS = 8


class EfficientChannel(nn.Module):
    """sigmoid(convolution of the channels' means): `size` neighbouring channels decide (ECA, Wang et al. 2019, 1910.03151)."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"the number of neighbouring channels must be odd, found {size}")
        self.mix = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C 1 1"]:
        gates: Tensor = self.mix(x.mean((2, 3)).unsqueeze(1)).sigmoid()  # (B, 1, C)
        return gates.transpose(1, 2).unsqueeze(-1)


CHANNEL_WISE = Mechanism(
    name="channel-wise",
    purpose="Scales each channel of a feature map by a gate that sees the means of all channels.",
    formula="sigmoid(W2 relu(W1 mean(x))) * x, the mean over pixels",
    paper="Hu, Shen and Sun 2018, Squeeze-and-Excitation Networks, 1709.01507",
    cost="time C * h * w; 2 C R + C + R parameters for R channels inside",
    kind="own module",
    build=lambda width: Gated(ChannelGate(width, max(1, width // 2))),
    shapes="(B, C, h, w) -> (B, C, h, w)",
    inputs=pictures,
    sides=(("gate",), tuple(f"channel {number}" for number in range(1, EXAMPLE_CHANNELS + 1))),
    caption="The gate of each channel. A gate is 0 to 100 by itself: channels do not compete. Nothing is trained.",
    sums_to_one=False,
    note="EfficientChannel in the same file is ECA, a gate with 3 parameters.",
)
