"""Tasks over pictures and series small enough for tests: colours by name, waves; and the networks to learn them."""

import gzip
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image
from torch import Tensor, nn

from transduce.networks.picture_config import PictureNetworkConfig
from transduce.networks.series import SeriesNetworkConfig


class PooledPatches(nn.Module):
    """A convolution over patches, a batch norm, and a linear map of the mean."""

    def __init__(self, classes: int, channels: int, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, 4, 4)
        self.norm, self.head = nn.BatchNorm2d(width), nn.Linear(width, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.norm(self.patches(pixels)).relu().mean((2, 3)))


@dataclass(frozen=True)
class TinyPictures(PictureNetworkConfig):
    width: Annotated[int, "channels inside"] = 8

    def build(self, classes: int, channels: int, size: int) -> nn.Module:
        return PooledPatches(classes, channels, self.width)


class RecentSteps(nn.Module):
    """A linear map of the last steps."""

    def __init__(self, features: int, horizon: int, steps: int) -> None:
        super().__init__()
        self.steps, self.shape = steps, (horizon, features)
        self.head = nn.Linear(steps * features, horizon * features)

    def forward(self, history: Tensor) -> Tensor:
        return self.head(history[:, -self.steps :].flatten(1)).unflatten(1, self.shape)


@dataclass(frozen=True)
class TinySeries(SeriesNetworkConfig):
    steps: Annotated[int, "last steps that it reads"] = 4

    def build(self, features: int, history: int, horizon: int) -> nn.Module:
        return RecentSteps(features, horizon, self.steps)


PARTS: dict[str, type] = {"tiny-pictures": TinyPictures, "tiny-series": TinySeries}
COLOURS = {"blue": (30, 40, 200), "green": (40, 180, 60), "red": (200, 50, 40)}


def picture(colour: str, seed: int, size: tuple[int, int] = (10, 8)) -> Image.Image:
    """A picture of one colour with noise: (width, height)."""
    noise = np.random.default_rng(seed).integers(-30, 30, (size[1], size[0], 3))
    return Image.fromarray((np.array(COLOURS[colour]) + noise).clip(0, 255).astype(np.uint8))


def write_pictures(folder: Path, each: int = 12, first: int = 0) -> Path:
    """A folder for each colour with `each` pictures."""
    for place, colour in enumerate(COLOURS):
        (folder / colour).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + each):
            picture(colour, 1000 * place + number).save(folder / colour / f"{number:03}.png")
    return folder


PICTURE_RUN = """
seed = 3
task = { kind = "image-classification", size = 8, augment = { shift = 1, flip = true, cutout = 2 } }

[data]
train = [{ file = "pictures" }]
split = { dev = 6, test = 6 }

[model]
kind = "tiny-pictures"

[training]
steps = 40
batch-tokens = 8
validate-every = 10
precision = "float32"
learning-rate = 0.01
"""

SERIES_RUN = """
seed = 3
task = { kind = "forecast", variables = ["level", "slope"], history = 8, horizon = 3 }

[data]
train = [{ file = "waves.csv" }]
split = { dev = 20, test = 30, by = "time" }

[model]
kind = "tiny-series"

[training]
steps = 60
validate-every = 20
precision = "float32"
learning-rate = 0.02
"""


def write_picture_run(folder: Path) -> Path:
    write_pictures(folder / "pictures")
    (folder / "colours.toml").write_text(PICTURE_RUN, encoding="utf-8")
    return folder / "colours.toml"


def waves(steps: int, phase: float = 0.0) -> list[str]:
    """Lines of a table: a wave around 50 and its slope."""
    angles = [0.3 * step + phase for step in range(steps)]
    return [f"{50 + 10 * math.sin(angle):.4f},{math.cos(angle):.4f}" for angle in angles]


def write_series_run(folder: Path) -> Path:
    steps = zip(waves(200), waves(200, 1.0), strict=True)
    rows = [f"{row},{group}" for step in steps for row, group in zip(step, "ab", strict=True)]
    (folder / "waves.csv").write_text("\n".join(["level,slope,group", *rows]) + "\n", encoding="utf-8")
    (folder / "waves.toml").write_text(SERIES_RUN, encoding="utf-8")
    return folder / "waves.toml"


def idx_bytes(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(path: Path, array: np.ndarray) -> Path:
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
