"""Spatial attention: a gate for each pixel (the spatial half of CBAM).

Letters: B pictures, C channels, h height, w width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import COLUMNS, ROWS, Gated, pictures

SIZE = 7  # of the convolution, as in the paper


class SpatialGate(nn.Module):
    """sigmoid(convolution([mean over channels, maximum over channels])), with zeros beyond the edges.

    The authors' code has a batch norm after the convolution; in evaluation it is one with this weight and bias.
    """

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"the size of the convolution must be odd, found {size}")
        self.convolution = nn.Conv2d(2, 1, size, padding=size // 2)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 1 h w"]:
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)  # (B, 2, h, w)
        gates: Tensor = self.convolution(summary).sigmoid()
        return gates


SPATIAL = Mechanism(
    name="spatial",
    purpose="Scales each pixel of a feature map by a gate that sees its surroundings.",
    formula="sigmoid(convolution([mean_c x, max_c x])) * x",
    paper="Woo et al. 2018, CBAM: Convolutional Block Attention Module, 1807.06521, section 3 (spatial)",
    cost="time h * w * (C + 2 * 49); 99 parameters for a convolution of 7 x 7",
    kind="own module",
    build=lambda width: Gated(SpatialGate()),
    shapes="(B, C, h, w) -> (B, C, h, w)",
    inputs=pictures,
    sides=(ROWS, COLUMNS),
    caption="The gate of each pixel. Two pixels, in rows y1 and y2, are bright. The convolution is not trained.",
    sums_to_one=False,
    note="The name also stands for a softmax over image regions (Xu et al. 2015, 1502.03044): additive attention on pixels.",
    alternates=("additive", "cooperative"),
)
