"""Interactive attention: clicks and boxes of a user, and the picture, attend to each other (Segment Anything).

Letters: B pictures, T prompts, N pixels, D width, H heads.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mask import DenseMask, Mask
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.multi_head import MultiHead
from transduce.attention.mechanisms.pictures import PIXELS, SIDE, pictures, to_tokens
from transduce.attention.positions import sinusoidal

HEADS, PROMPTS = 2, ("click 1", "click 2", "box corner")  # of the example

AnyMask = Mask | DenseMask | None


class Streams(NamedTuple):
    """Both streams after a block."""

    prompts: Float[Tensor, "B T D"]
    pixels: Float[Tensor, "B N D"]


class TwoWayBlock(nn.Module):
    """Prompts attend to each other, then to the pixels, then pass a network; then the pixels attend to the prompts.

    Positions are added again to every query and key, and to no value. Between the streams the heads have half the width.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"the width must be a multiple of twice the heads, found {width} and {heads}")
        narrow = width // 2 // heads
        self.between_prompts = MultiHead(width, heads)
        self.to_pixels = MultiHead(width, heads, head_width=narrow)
        self.network = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.to_prompts = MultiHead(width, heads, head_width=narrow)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))

    def streams(
        self,
        prompts: Float[Tensor, "B T D"],
        pixels: Float[Tensor, "B N D"],
        prompt_places: Float[Tensor, "B T D"],
        pixel_places: Float[Tensor, "B N D"],
        mask: AnyMask = None,
    ) -> Streams:
        """The position encodings are added to prompts and pixels. mask: over the prompts where they are keys."""
        prompts = self._after_self_attention(prompts, prompt_places, mask)
        placed, placed_pixels = prompts + prompt_places, pixels + pixel_places
        prompts = self.norms[1](prompts + self.to_pixels(placed, placed_pixels, pixels, None))
        prompts = self.norms[2](prompts + self.network(prompts))
        placed = prompts + prompt_places
        return Streams(prompts, self.norms[3](pixels + self.to_prompts(placed_pixels, placed, prompts, mask)))

    def forward(
        self,
        prompts: Float[Tensor, "B T D"],
        pixels: Float[Tensor, "B N D"],
        prompt_places: Float[Tensor, "B T D"],
        pixel_places: Float[Tensor, "B N D"],
        mask: AnyMask = None,
    ) -> Float[Tensor, "B T+N D"]:
        """Both `streams` in one tensor, the prompts first."""
        return torch.cat(self.streams(prompts, pixels, prompt_places, pixel_places, mask), 1)

    def weights(
        self,
        prompts: Float[Tensor, "B T D"],
        pixels: Float[Tensor, "B N D"],
        prompt_places: Float[Tensor, "B T D"],
        pixel_places: Float[Tensor, "B N D"],
        mask: AnyMask = None,
    ) -> Float[Tensor, "B H T N"]:
        """The weights from the prompts to the pixels."""
        prompts = self._after_self_attention(prompts, prompt_places, mask)
        return self.to_pixels.weights(prompts + prompt_places, pixels + pixel_places, pixels)

    def _after_self_attention(self, prompts: Tensor, places: Tensor, mask: AnyMask) -> Tensor:
        placed = prompts + places
        output: Tensor = self.norms[0](prompts + self.between_prompts(placed, placed, prompts, mask))
        return output


def clicks_and_picture(batch: int, width: int) -> tuple[Tensor, ...]:
    """Prompts at pixels (1, 1), (2, 3) and (3, 0). A place is encoded by the sinusoids of its row and its column."""
    axis = 3 * sinusoidal(torch.arange(SIDE), width // 2)
    grid = torch.cat([axis[:, None].expand(SIDE, SIDE, -1), axis[None].expand(SIDE, SIDE, -1)], -1)  # (y, x, D)
    places = torch.stack([grid[1, 1], grid[2, 3], grid[3, 0]]).expand(batch, -1, -1)
    (picture,) = pictures(batch, width)
    return torch.randn(batch, len(PROMPTS), width), to_tokens(picture), places, grid.flatten(0, 1).expand(batch, -1, -1)


INTERACTIVE = Mechanism(
    name="interactive",
    purpose="Prompts of a user and the picture attend to each other: a click selects its object, pixels get the request.",
    formula="t += A(t, t); t += A(t, x); t += MLP(t); x += A(x, t), each with a layer norm; places in queries and keys",
    paper="Kirillov et al. 2023, Segment Anything, 2304.02643, appendix A (mask decoder)",
    cost="time T^2 + 2 T N per head, memory alike; 8 D^2 + 2 D * hidden parameters",
    kind="arrangement",
    build=lambda width: TwoWayBlock(width, HEADS, 2 * width),
    shapes="prompts (B, T, D), pixels (B, N, D), the places of both (B, T, D), (B, N, D) -> (B, T + N, D)",
    inputs=clicks_and_picture,
    sides=(PROMPTS, PIXELS),
    caption="A row shows the pixels (row, column) that its prompt looks at. Weights are random, places are encoded.",
    note="The name also stands for two texts that attend to each other's mean (Ma et al. 2017, 1709.00893).",
)
