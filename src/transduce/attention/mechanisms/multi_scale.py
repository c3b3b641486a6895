"""Multi-scale attention: a query samples a few points on every level of a feature pyramid (deformable attention).

Letters: B pictures, L queries, D width, H heads, E width of a head, Y levels, K points of a level, h height, w width,
N pixels of all levels. Places are (x, y), 0 to 1 from edge to edge of a picture.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import bilinear_weights, pictures

Valid = Sequence[Bool[Tensor, "B _ _"]] | None
HEADS, LEVELS, POINTS = 2, 2, 2  # of the example


def sample_levels(
    levels: Sequence[Float[Tensor, "B H E _ _"]],
    places: Float[Tensor, "B H L Y K 2"],
    weights: Float[Tensor, "B H L Y K"],
) -> Float[Tensor, "B H L E"]:
    """sum over levels and points of weight * level(place), by bilinear samples with zeros beyond the edges."""
    output = weights.new_zeros(())
    for number, level in enumerate(levels):
        points = 2 * places[:, :, :, number].flatten(0, 1) - 1  # (B H, L, K, 2)
        samples = F.grid_sample(level.flatten(0, 1), points, align_corners=False)  # (B H, E, L, K)
        output = output + torch.einsum("belk,blk->ble", samples, weights[:, :, :, number].flatten(0, 1))
    by_head: Tensor = output.unflatten(0, weights.shape[:2])
    return by_head


class DeformableAttention(nn.Module):
    """Offsets and weights of the points are linear in the query; no query is compared with a key.

    At first the points of head n lie in direction n around the reference, 1, 2, ... pixels away, with equal weights.
    """

    def __init__(self, width: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"the width must be a multiple of heads, found {width} and {heads}")
        self.heads, self.levels, self.points = heads, levels, points
        self.to_offsets = nn.Linear(width, heads * levels * points * 2)
        self.to_weights = nn.Linear(width, heads * levels * points)
        self.to_value, self.to_output = nn.Linear(width, width), nn.Linear(width, width)
        with torch.no_grad():
            for each in (self.to_offsets, self.to_weights):
                nn.init.zeros_(each.weight)
            nn.init.zeros_(self.to_weights.bias)
            self.to_offsets.bias.copy_(_rings(heads, levels, points).flatten())

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        reference: Float[Tensor, "B L Y 2"],
        *levels: Float[Tensor, "B D _ _"],
        valid: Valid = None,
    ) -> Float[Tensor, "B L D"]:
        """reference: where each query looks on each level. valid: False at padding of a level; such pixels count as zeros.

        ValueError for another number of levels.
        """
        places, weights = self.places_and_weights(query, reference, levels)
        values = [self.to_value(level.movedim(1, -1)).movedim(-1, 1) for level in levels]
        if valid is not None:
            values = [value.masked_fill(~each.unsqueeze(1), 0.0) for value, each in zip(values, valid, strict=True)]
        values = [value.unflatten(1, (self.heads, -1)) for value in values]
        output: Tensor = self.to_output(sample_levels(values, places, weights).transpose(1, 2).flatten(2))
        return output

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        reference: Float[Tensor, "B L Y 2"],
        *levels: Float[Tensor, "B D _ _"],
        valid: Valid = None,
    ) -> Float[Tensor, "B H L N"]:
        """The weight of every pixel of every level. A row sums to less than 1 where points lie beyond an edge or at padding."""
        places, weights = self.places_and_weights(query, reference, levels)
        maps = []
        for number, level in enumerate(levels):
            by_point = bilinear_weights(2 * places[:, :, :, number] - 1, *level.shape[2:])  # (B, H, L, K, h w)
            maps.append((weights[:, :, :, number].unsqueeze(-1) * by_point).sum(-2))
        pixels = torch.cat(maps, -1)
        if valid is None:
            return pixels
        return pixels * torch.cat([each.flatten(1) for each in valid], -1)[:, None, None]

    def places_and_weights(
        self, query: Tensor, reference: Tensor, levels: Sequence[Tensor]
    ) -> tuple[Float[Tensor, "B H L Y K 2"], Float[Tensor, "B H L Y K"]]:
        """Offsets count in pixels of their level. The weights of all points of all levels sum to 1."""
        if not len(levels) == reference.shape[2] == self.levels:
            raise ValueError(
                f"this attention has {self.levels} levels, found {len(levels)} and references on {reference.shape[2]}"
            )
        shape = (self.heads, self.levels, self.points)
        offsets = self.to_offsets(query).unflatten(-1, (*shape, 2)).transpose(1, 2)  # (B, H, L, Y, K, 2)
        sizes = query.new_tensor([(level.shape[3], level.shape[2]) for level in levels])  # (Y, 2)
        places = reference[:, None, :, :, None] + offsets / sizes[:, None]
        weights = self.to_weights(query).unflatten(-1, (self.heads, -1)).softmax(-1).unflatten(-1, shape[1:])
        return places, weights.transpose(1, 2)


def _rings(heads: int, levels: int, points: int) -> Float[Tensor, "H Y K 2"]:
    angles = torch.arange(heads) * (2 * math.pi / heads)
    directions = torch.stack([angles.cos(), angles.sin()], -1)
    directions = directions / directions.abs().amax(-1, keepdim=True)  # to the edge of a square of pixels
    steps = torch.arange(1, points + 1)[:, None]
    return (directions[:, None, None] * steps).expand(heads, levels, points, 2)


def queries_and_pyramid(batch: int, width: int) -> tuple[Tensor, ...]:
    """Queries in the four quarters of a picture, and the picture in two sizes."""
    (picture,) = pictures(batch, width)
    quarters = torch.tensor([(x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)])
    reference = quarters[:, None].expand(batch, 4, LEVELS, 2)
    return torch.randn(batch, 4, width), reference, picture, F.avg_pool2d(picture, 2)


MULTI_SCALE = Mechanism(
    name="multi-scale",
    purpose="A query looks at a few learned points on every scale: the cost does not grow with the picture.",
    formula="sum_h W_h sum_{y,k} A_hyk W'_h x^y(p + offset_hyk), A = softmax over the points of all levels",
    paper="Zhu et al. 2020, Deformable DETR: Deformable Transformers for End-to-End Object Detection, 2010.04159",
    cost="time L * H * Y * K * E and N * D^2 for the values; 2 D^2 + 2 D + 3 H Y K (D + 1) parameters",
    kind="own module",
    build=lambda width: DeformableAttention(width, HEADS, LEVELS, POINTS),
    shapes="(B, L, D), (B, L, Y, 2), Y pictures (B, D, h, w) -> (B, L, D)",
    inputs=queries_and_pyramid,
    sides=(
        ("top left", "top right", "bottom left", "bottom right"),
        tuple(f"{y},{x}" for y in range(4) for x in range(4))
        + tuple(f"half {y},{x}" for y in range(2) for x in range(2)),
    ),
    caption="A row shows the pixels that its query samples: on the picture, and on the picture of half the size. Points begin "
    "around the place of the query; points beyond an edge have no effect.",
    sums_to_one=False,
    note="The name stands for many designs; this module is the one that later detectors share.",
)
