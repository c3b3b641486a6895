"""Spatially adaptive attention: the network crops the part of a picture that it needs (spatial transformer).

Letters: B pictures, C channels, h height, w width, G pixels along a side of the localisation network's grid.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import COLUMNS, ROWS, SIDE, bilinear_weights, pictures


def affine_sample(
    x: Float[Tensor, "B C h w"], theta: Float[Tensor, "B 2 3"], height: int, width: int
) -> Float[Tensor, "B C height width"]:
    """Output pixel (x', y') is the input at theta (x', y', 1): bilinear, with zeros beyond the edges.

    Both run from -1 to 1, edge to edge. The identity is [[1, 0, 0], [0, 1, 0]]; [[0.5, 0, 0], [0, 0.5, 0]] is the centre
    of the picture, half as wide and half as high.
    """
    points = F.affine_grid(theta, [len(x), x.shape[1], height, width], align_corners=False)
    return F.grid_sample(x, points, align_corners=False)


class Crop(nn.Module):
    """A localisation network: theta = [[s, 0, tx], [0, s, ty]] from a mean over G x G parts of the picture.

    The scale s is 0 to 1, and the shift keeps the crop inside the picture.
    """

    def __init__(self, channels: int, grid: int = 2) -> None:
        super().__init__()
        self.grid = grid
        self.to_crop = nn.Linear(channels * grid**2, 3)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 2 3"]:
        parts = F.adaptive_avg_pool2d(x, self.grid).flatten(1)
        scale, shift_x, shift_y = self.to_crop(parts).unbind(-1)
        scale, zero = scale.sigmoid(), torch.zeros_like(scale)
        shift_x, shift_y = ((1 - scale) * each.tanh() for each in (shift_x, shift_y))
        theta = torch.stack([scale, zero, shift_x, zero, scale, shift_y], -1)
        return theta.view(-1, 2, 3)


class SpatialTransformer(nn.Module):
    """Samples where `localise`, a module from pictures to theta (B, 2, 3), says."""

    def __init__(self, localise: nn.Module, height: int, width: int) -> None:
        super().__init__()
        self.localise, self.height, self.width = localise, height, width

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C height width"]:
        return affine_sample(x, self.localise(x), self.height, self.width)

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B h w"]:
        """The weight of each input pixel, summed over the pixels of the output."""
        points = F.affine_grid(self.localise(x), [len(x), 1, self.height, self.width], align_corners=False)
        totals = bilinear_weights(points.flatten(1, 2), *x.shape[2:]).sum(1)
        by_row: Tensor = totals.unflatten(1, x.shape[2:])
        return by_row


SPATIALLY_ADAPTIVE = Mechanism(
    name="spatially-adaptive",
    purpose="Chooses position and size of a crop from the picture itself; gradients reach that choice.",
    formula="y(p) = x(theta (p, 1)), bilinear, with theta = [[s, 0, tx], [0, s, ty]] from a network on x",
    paper="Jaderberg et al. 2015, Spatial Transformer Networks, 1506.02025",
    cost="time C * height * width of the output, and the localisation network",
    kind="own module",
    build=lambda width: SpatialTransformer(Crop(width), SIDE // 2, SIDE // 2),
    shapes="(B, C, h, w) -> (B, C, height, width)",
    inputs=pictures,
    sides=(ROWS, COLUMNS),
    caption="How much of each input pixel is in the four pixels of the output. The localisation network is not trained.",
    sums_to_one=False,
    note="The name also stands for sampling points of a query, which is the row multi-scale.",
    alternates=("multi-scale", "spatial"),
)
