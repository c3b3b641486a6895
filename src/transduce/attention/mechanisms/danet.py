"""Dual attention of a picture: between its pixels, and between its channels (DANet).

Letters: B pictures, C channels, A channels of queries and keys, h height, w width, N = h w pixels.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import PIXELS, pictures, to_picture, to_tokens
from transduce.attention.scores import ScaledDotProduct

UNSCALED = ScaledDotProduct(1.0)


class PositionAttention(nn.Module):
    """gate * attention between the pixels + x. The gate begins at 0: the module begins as the identity."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.to_query, self.to_key = nn.Linear(channels, inner), nn.Linear(channels, inner)
        self.to_value = nn.Linear(channels, channels)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        pixels = to_tokens(x).unsqueeze(1)  # one head
        context = attend(self.to_query(pixels), self.to_key(pixels), self.to_value(pixels), score=UNSCALED)
        return self.gate * to_picture(context.squeeze(1), x.shape[2]) + x

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B N N"]:
        pixels = to_tokens(x).unsqueeze(1)
        return attention_weights(self.to_query(pixels), self.to_key(pixels), score=UNSCALED).squeeze(1)


class ChannelAttention(nn.Module):
    """gate * attention between the channels + x, without projections. The gate begins at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        channels = x.flatten(2).unsqueeze(1)  # (B, 1, C, N)
        return self.gate * attend(channels, channels, channels, score=UNSCALED).view_as(x) + x

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C C"]:
        channels = x.flatten(2).unsqueeze(1)
        return attention_weights(channels, channels, score=UNSCALED).squeeze(1)


class DualPictureAttention(nn.Module):
    """The sum of both. `weights` are those between pixels; `channels.weights` are the others."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.positions, self.channels = PositionAttention(channels, inner), ChannelAttention()

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        y: Tensor = self.positions(x) + self.channels(x)
        return y

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B N N"]:
        return self.positions.weights(x)


DANET = Mechanism(
    name="danet",
    purpose="Self-attention of a picture on two axes: every pixel sees every pixel, every channel sees every channel.",
    formula="a softmax(Q K^T) V + x between pixels, plus b softmax(X X^T) X + x between channels",
    paper="Fu et al. 2019, Dual Attention Network for Scene Segmentation, 1809.02983",
    cost="time and memory (h w)^2 + C^2; C^2 + 2 C A + C + 2 A + 2 parameters",
    kind="arrangement",
    build=lambda width: DualPictureAttention(width, max(1, width // 2)),
    shapes="(B, C, h, w) -> (B, C, h, w)",
    inputs=pictures,
    sides=(PIXELS, PIXELS),
    caption="A row shows where its pixel looks (row, column). Pixels 1,1 and 2,3 have the same colour and similar rows.",
    note="Channels follow the formula of the paper; the authors' code subtracts their scores from the largest one.",
    alternates=("dual", "cooperative", "sagan"),
)
