"""Image classification: a picture to one of several labels.

    image row  [0, 17, 255, ...]   ->  pixels   float, mean 0 and deviation 1 in each channel
    label row  [2]                     classes  2

Letters: B rows, C channels, h height, w width, K classes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce import config
from transduce.config import Fact
from transduce.data.batching import Costs, Lengths
from transduce.data.columns import Column, Fault, Label
from transduce.data.loader import Rows
from transduce.data.picture_column import LARGEST_SIZE, NAME, Picture, PixelValues
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record, shortened
from transduce.decoding.protocol import require_evaluation_mode
from transduce.decoding.scores import check_probabilities
from transduce.networks.picture_config import PictureNetworkConfig
from transduce.tasks.augmentation import Augmentation
from transduce.tasks.classification import LabelPrediction, class_loss
from transduce.tasks.outputs import LineError
from transduce.tasks.task import Model, wrong_network
from transduce.training.losses import Loss

PATCH = 16  # pixels: the side of the squares that a batch budget counts
PREDICTED_PATCHES = 8192  # of the pictures that are predicted together


@dataclass(frozen=True)
class PictureBatch:
    """Normalised pixels, and the class of each picture."""

    pixels: Float[Tensor, "B C h w"]
    classes: Int[Tensor, " B"]

    def to(self, device: torch.device | str) -> "PictureBatch":
        return PictureBatch(self.pixels.to(device), self.classes.to(device))


@dataclass(frozen=True)
class ImageClassification:
    """Pictures with one label each."""

    size: Annotated[
        int,
        "height and width in pixels that the network reads; pictures are brought to it",
        Fact(at_least=1, at_most=LARGEST_SIZE),
    ] = 224
    channels: Annotated[Literal[1, 3], "3: colours, 1: grey"] = 3
    augment: Annotated[Augmentation, "random changes to the pictures in training", Fact(unprepared=True)] = (
        Augmentation()
    )

    name: ClassVar[str] = "image-classification"
    unit: ClassVar[str] = "picture"
    key: ClassVar[str] = "image"
    answer: ClassVar[str | None] = "label"
    default_network: ClassVar[str] = "efficientnet"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro-f1")
    command: ClassVar[str] = "predict"
    generates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        config.check(self)
        self.augment.require_fit(self.size)

    @property
    def columns(self) -> Mapping[str, Column]:
        return {"image": Picture(self.size, self.channels), "label": Label()}

    @property
    def patches(self) -> int:
        """The share of a picture in a batch budget: its squares of 16 x 16 pixels, 4 for 28 x 28 and 196 for 224 x 224."""
        return math.ceil(self.size / PATCH) ** 2

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        return records

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        patches = np.full(len(lengths["label"]), self.patches)
        return Costs(main=patches, other=patches)

    def network(self, config: Any, processors: Processors) -> nn.Module:
        if not isinstance(config, PictureNetworkConfig):
            raise wrong_network(self, config, PictureNetworkConfig)
        return config.build(processors["label"].size, self.channels, self.size)

    def batch(self, rows: Rows, processors: Processors, seed: int) -> PictureBatch:
        values, form = _pixel_values(processors), (self.size, self.size, self.channels)
        pictures: list[np.ndarray] = [row.reshape(form) for row in rows.columns["image"]]
        if rows.training and self.augment != Augmentation():
            grey = np.round(255 * np.array(values.mean)).astype(np.uint8)
            pictures = [
                self.augment.apply(picture, grey, seed, rows.epoch, row)
                for picture, row in zip(pictures, rows.indices.tolist(), strict=True)
            ]
        classes = torch.tensor([int(label[0]) for label in rows.columns["label"]])
        return PictureBatch(_tensor(values, pictures), classes)

    def loss(self, network: Any, batch: PictureBatch, smoothing: float) -> Loss:
        return class_loss(_logits(network, batch.pixels), batch.classes, smoothing)

    def logits_and_targets(
        self, network: Any, batch: PictureBatch
    ) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
        yield _logits(network, batch.pixels), batch.classes

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        return {}

    def predict(self, model: Model, records: Sequence[Record], settings: Any = None) -> Iterator[LabelPrediction]:
        """See `Task.predict`. LineError for a picture that cannot be read, after the predictions for those before it."""
        labels, values = model.processors.labels("label"), _pixel_values(model.processors)
        together = max(1, PREDICTED_PATCHES // self.patches)
        for begin in range(0, len(records), together):
            pictures, refusal = _readable(values, records[begin : begin + together], begin)
            if pictures:
                pixels = _tensor(values, pictures).to(model.device)
                for row in _mean_probabilities(model, pixels).cpu():
                    yield LabelPrediction.of(row, labels.names)
            if refusal is not None:
                raise refusal


def _pixel_values(processors: Processors) -> PixelValues:
    values = processors["image"]
    assert isinstance(values, PixelValues)
    return values


def _tensor(values: PixelValues, pictures: Sequence[np.ndarray]) -> Float[Tensor, "B C h w"]:
    # Channels stay last in memory: convolutions of a CPU and of a GPU's tensor cores run up to 1.6 times as fast so.
    return torch.from_numpy(values.normalised(np.stack(pictures).astype(np.float32))).permute(0, 3, 1, 2)


def _readable(values: PixelValues, records: Sequence[Record], begin: int) -> tuple[list[np.ndarray], LineError | None]:
    """The pixels of the pictures up to the first that cannot be read, and the error about it."""
    pictures: list[np.ndarray] = []
    for place, record in enumerate(records, begin):
        pixels, _ = values.pixels(record.values["image"])
        if isinstance(pixels, Fault):
            name = shortened(record.values["image"], NAME)
            return pictures, LineError(place, f"{pixels}" if name in record.where else f"{name}: {pixels}")
        pictures.append(pixels)
    return pictures, None


@torch.no_grad()
def _mean_probabilities(model: Model, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "B K"]:
    """Over the model's networks."""
    return torch.stack([_probabilities(network, pixels) for network in model.networks]).mean(0)


def _logits(network: Any, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "B K"]:
    logits: Tensor = network(pixels.to(next(network.parameters()).dtype))
    return logits.float()


def _probabilities(network: Any, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "B K"]:
    """ValueError for a network in training mode, and for one whose logits are NaN or infinite."""
    require_evaluation_mode(network)
    probabilities = _logits(network, pixels).softmax(-1)
    check_probabilities(probabilities)
    return probabilities
