"""Parts that mechanisms on pictures share: an example, the names of its pixels, gates, and weights of bilinear samples.

Letters: B pictures, C channels, h height, w width, N = h w pixels, P points; x grows to the right, y downwards.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

SIDE = 4  # pixels of the example
ROWS, COLUMNS = tuple(f"y{y}" for y in range(SIDE)), tuple(f"x{x}" for x in range(SIDE))
PIXELS = tuple(f"{y},{x}" for y in range(SIDE) for x in range(SIDE))
BRIGHT, NOISE = 2.0, 0.2


def pictures(batch: int, channels: int) -> tuple[Tensor, ...]:
    """Weak noise and two bright pixels of one random colour: pixel (1, 1) and pixel (2, 3), row first."""
    picture = NOISE * torch.randn(batch, channels, SIDE, SIDE)
    colour = BRIGHT * torch.randn(batch, channels)
    picture[:, :, 1, 1] += colour
    picture[:, :, 2, 3] += colour
    return (picture,)


def to_tokens(x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B N C"]:
    """Pixels in reading order."""
    return x.flatten(2).transpose(1, 2)


def to_picture(tokens: Float[Tensor, "B N C"], height: int) -> Float[Tensor, "B C h w"]:
    """The reverse of `to_tokens`."""
    picture: Tensor = tokens.transpose(1, 2).unflatten(2, (height, -1))
    return picture


class Gated(nn.Module):
    """x times a gate of x. `weights` are the factors: (B, 1, C) for channels, (B, h, w) for pixels."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        y: Tensor = x * self.gate(x)
        return y

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B rows columns"]:
        gate: Tensor = self.gate(x)  # (B, C, 1, 1) or (B, 1, h, w)
        return to_tokens(gate) if gate.shape[1] > 1 else gate.squeeze(1)


def bilinear_weights(points: Float[Tensor, "*B P 2"], height: int, width: int) -> Float[Tensor, "*B P N"]:
    """The weight of each pixel in a bilinear sample at each point (x, y), -1 to 1 from edge to edge of the picture.

    The matrix of what `grid_sample` computes with align_corners=False and zeros beyond the edges. A point at the centre of
    a pixel has the weight 1 there: bilinear_weights(tensor([[-0.5, 0.0]]), 1, 2) is [[1.0, 0.0]].
    """
    size = points.new_tensor([width, height])
    place = (points + 1) * size / 2 - 0.5  # in pixels, 0 at the centre of the first one
    columns, rows = (torch.arange(n, device=points.device, dtype=points.dtype) for n in (width, height))
    by_column = (1 - (place[..., :1] - columns).abs()).clamp(min=0)  # (*B, P, w)
    by_row = (1 - (place[..., 1:] - rows).abs()).clamp(min=0)
    return (by_row.unsqueeze(-1) * by_column.unsqueeze(-2)).flatten(-2)
