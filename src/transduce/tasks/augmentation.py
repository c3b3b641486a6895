"""Random changes to pictures in training, which depend on (seed, epoch, row) alone.

Letters: h height, w width, C channels.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import UInt8

from transduce import config
from transduce.config import Fact

Pixels = UInt8[np.ndarray, "h w C"]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a picture, drawn anew each time that it is trained on. By default none."""

    shift: Annotated[
        int,
        "random crop: pixels by which a picture is moved at most, in each direction; 4 is usual for 32 x 32 (He et al. 2015, "
        "1512.03385)",
        Fact(at_least=0, at_most=1_000),
    ] = 0
    flip: Annotated[bool, "mirror half of the pictures; not for digits and text"] = False
    cutout: Annotated[
        int,
        "side of a square of grey at a random place (DeVries and Taylor 2017, 1708.04552); 0: none",
        Fact(at_least=0, at_most=1_000),
    ] = 0

    def __post_init__(self) -> None:
        config.check(self)

    def require_fit(self, size: int) -> None:
        """ValueError for changes that leave nothing of pictures of this height and width."""
        for key, value, most, reason in (
            ("shift", self.shift, size - 1, "a longer move leaves nothing of a picture"),
            ("cutout", self.cutout, size, "a larger square is larger than a picture"),
        ):
            if value > most:
                raise ValueError(
                    f"augment.{key} must be at most {most:,} with size = {size:,}, found {value:,}: {reason}"
                )

    def apply(self, pixels: Pixels, grey: UInt8[np.ndarray, " C"], seed: int, epoch: int, row: int) -> Pixels:
        """A changed copy. `grey` fills what comes into view, and the square."""
        draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch, row])))
        # every number is drawn whether it is used or not: settings do not change the draws of each other
        down, right = draw.uniform(0, 1, 2)
        mirrored, (centre_y, centre_x) = draw.uniform() < 0.5, draw.uniform(0, 1, 2)
        changed = _moved(pixels, grey, _offset(down, self.shift), _offset(right, self.shift))
        if self.flip and mirrored:
            changed = changed[:, ::-1]
        if self.cutout:
            height, width, _ = pixels.shape
            changed = changed.copy()
            changed[_side(centre_y, height, self.cutout), _side(centre_x, width, self.cutout)] = grey
        return changed


def _offset(share: float, most: int) -> int:
    """A whole number from -most to most, each equally probable for a uniform share of [0, 1)."""
    return int(share * (2 * most + 1)) - most


def _moved(pixels: Pixels, grey: UInt8[np.ndarray, " C"], down: int, right: int) -> Pixels:
    height, width, _ = pixels.shape
    down, right = max(-height, min(height, down)), max(-width, min(width, right))
    moved = np.empty_like(pixels)
    moved[:] = grey
    moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = pixels[
        max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ]
    return moved


def _side(centre: float, length: int, side: int) -> slice:
    """The part of a side that the square covers; its centre is anywhere, so that it may stick out."""
    begin = int(centre * length) - side // 2
    return slice(max(0, begin), max(0, begin + side))
