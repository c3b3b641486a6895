"""Image classification: batches, augmentation by (seed, epoch, row), loss, predictions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from picture_toy import TinyPictures, picture
from transduce.data.columns import Labels
from transduce.data.loader import Rows
from transduce.data.picture_column import PixelValues
from transduce.data.processors import Processors
from transduce.data.records import Record
from transduce.decoding.config import Generation
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.presets import encoder_only_tiny
from transduce.tasks.augmentation import Augmentation
from transduce.tasks.image_classification import ImageClassification
from transduce.tasks.outputs import LineError

TASK = ImageClassification(size=8)
VALUES = PixelValues(8, 3, (0.5, 0.25, 0.75), (0.2, 0.3, 0.4))
PROCESSORS = Processors({"image": VALUES, "label": Labels(("blue", "green", "red"))})
ALL = replace(TASK, augment=Augmentation(shift=2, flip=True, cutout=3))


def rows(count: int = 4, epoch: int = 0, first: int = 0, training: bool = True) -> Rows:
    images = [np.asarray(picture("red", seed, (8, 8))).reshape(-1) for seed in range(first, first + count)]
    labels = [np.array([seed % 3], np.int32) for seed in range(first, first + count)]
    return Rows(epoch, 0, {"image": images, "label": labels}, np.arange(first, first + count), training)


def model() -> Model:
    torch.manual_seed(0)
    network = TASK.network(TinyPictures(), PROCESSORS).eval()
    return Model(ModelConfig(TASK, TinyPictures()), network, PROCESSORS, Generation())


def test_pixels_are_normalised_by_channel() -> None:
    batch = TASK.batch(rows(), PROCESSORS, seed=1)
    assert batch.pixels.shape == (4, 3, 8, 8) and batch.classes.tolist() == [0, 1, 2, 0]
    raw = rows().columns["image"][1].reshape(8, 8, 3)
    for channel in range(3):
        expected = (raw[:, :, channel] / 255 - VALUES.mean[channel]) / VALUES.deviation[channel]
        assert np.allclose(batch.pixels[1, channel], expected, atol=1e-5)


def test_augmentation_depends_on_seed_epoch_and_row_alone() -> None:
    batch = ALL.batch(rows(6), PROCESSORS, seed=1).pixels
    assert torch.equal(batch, ALL.batch(rows(6), PROCESSORS, seed=1).pixels)
    assert torch.equal(batch[1::2], ALL.batch(rows(6).part(1, 2), PROCESSORS, seed=1).pixels)
    assert torch.equal(batch[3:], ALL.batch(rows(3, first=3), PROCESSORS, seed=1).pixels)
    for other in (ALL.batch(rows(6), PROCESSORS, seed=2), ALL.batch(rows(6, epoch=1), PROCESSORS, seed=1)):
        assert not torch.equal(batch, other.pixels)
    plain = TASK.batch(rows(6), PROCESSORS, seed=1).pixels
    assert torch.equal(plain, ALL.batch(rows(6, training=False), PROCESSORS, seed=1).pixels)


def test_each_augmentation_by_hand() -> None:
    pixels, grey = np.arange(16, dtype=np.uint8).reshape(4, 4, 1), np.array([99], np.uint8)
    moves, mirrored = set(), 0
    for row in range(60):
        moved = Augmentation(shift=1).apply(pixels, grey, 0, 0, row)
        padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), constant_values=99)
        offsets = [
            (down, right)
            for down in range(3)
            for right in range(3)
            if (padded[down : down + 4, right : right + 4] == moved).all()
        ]
        assert len(offsets) == 1
        moves.add(offsets[0])
        flipped = Augmentation(flip=True).apply(pixels, grey, 0, 0, row)
        assert (flipped == pixels).all() or (flipped == pixels[:, ::-1]).all()
        mirrored += not (flipped == pixels).all()
        hole = Augmentation(cutout=2).apply(pixels, grey, 0, 0, row) == 99
        assert 1 <= hole.sum() <= 4
    assert len(moves) == 9 and 15 < mirrored < 45
    assert (Augmentation(shift=50).apply(pixels, grey, 0, 0, 1) == 99).all()
    assert (pixels == np.arange(16).reshape(4, 4, 1)).all()  # the store's own pixels stay


@pytest.mark.parametrize(
    ("augment", "words"),
    [(Augmentation(shift=32), r"augment\.shift must be at most 31 with size = 32, found 32"),
     (Augmentation(cutout=33), r"augment\.cutout must be at most 32 with size = 32, found 33")],
)  # fmt: skip
def test_changes_leave_something_of_a_picture(augment: Augmentation, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ImageClassification(size=32, augment=augment)
    assert ImageClassification(size=33, augment=augment).augment == augment


def test_moves_of_all_lengths_are_equally_probable() -> None:
    """1,500 rows; 4 standard deviations of a share of 1/3 are 0.05."""
    pixels, grey = np.array([[[1], [2], [3]]], np.uint8), np.array([0], np.uint8)
    moved = [Augmentation(shift=1).apply(pixels, grey, 0, 0, row)[0, :, 0].tolist() for row in range(1_500)]
    for expected in ([1, 2, 3], [0, 1, 2], [2, 3, 0]):
        across = [row for row in moved if any(row)]  # two thirds of them leave the only row of pixels
        assert across.count(expected) / len(across) == pytest.approx(1 / 3, abs=0.09)
    assert len(across) / len(moved) == pytest.approx(1 / 3, abs=0.05)


def test_the_centre_of_a_cutout_is_anywhere() -> None:
    """A square of 3 x 3 pixels covers a pixel of the first column with the centres 0 and 1, one of the middle with three."""
    pixels, grey = np.zeros((9, 9, 1), np.uint8), np.array([99], np.uint8)
    holes = np.stack([Augmentation(cutout=3).apply(pixels, grey, 0, 0, row)[..., 0] == 99 for row in range(2_000)])
    assert {int(hole.sum()) for hole in holes} == {4, 6, 9}
    columns = holes.any(1).mean(0)  # the share of the squares that cover each column
    assert columns == pytest.approx(np.array([2, 3, 3, 3, 3, 3, 3, 3, 2]) / 9, abs=0.05)


def test_the_loss_is_that_of_pytorch() -> None:
    network, batch = model().network, TASK.batch(rows(), PROCESSORS, seed=1)
    logits = network(batch.pixels)
    loss = TASK.loss(network, batch, 0.1)
    assert loss.weight == 4
    assert torch.allclose(loss.total, F.cross_entropy(logits, batch.classes, reduction="sum", label_smoothing=0.1))
    assert torch.allclose(loss.shown["nll"], F.cross_entropy(logits, batch.classes, reduction="sum"))
    ((own, targets),) = TASK.logits_and_targets(network, batch)
    assert torch.equal(own, logits) and torch.equal(targets, batch.classes)


@pytest.mark.parametrize(("size", "patches"), [(8, 1), (16, 1), (28, 4), (32, 4), (33, 9), (224, 196)])
def test_what_a_picture_takes_of_a_batch(size: int, patches: int) -> None:
    costs = ImageClassification(size=size).cost({"image": np.array([7, 7]), "label": np.array([1, 1])})
    assert costs.main.tolist() == [patches, patches]


def test_predictions_do_not_depend_on_the_others(tmp_path: Path) -> None:
    records = []
    for seed in range(5):
        picture("green", seed, (9, 12)).save(tmp_path / f"{seed}.png")
        records.append(Record({"image": str(tmp_path / f"{seed}.png")}, f"record {seed}"))
    own = model()
    together = list(TASK.predict(own, records))
    for record, prediction in zip(records, together, strict=True):
        (alone,) = TASK.predict(own, [record])
        assert alone.text == prediction.text and alone.confidence == pytest.approx(prediction.confidence)
        assert sum(share for _, share in prediction.probabilities) == pytest.approx(1)


def test_a_picture_that_cannot_be_read_comes_after_those_before_it(tmp_path: Path) -> None:
    picture("green", 1).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("x")
    records = [Record({"image": str(tmp_path / name)}, "x") for name in ("a.png", "b.png", "a.png")]
    predictions = TASK.predict(model(), records)
    assert next(predictions).text in ("blue", "green", "red")
    with pytest.raises(LineError, match=r"line 2: .*b\.png: not a picture") as error:
        next(predictions)
    assert error.value.place == 1


def test_networks_for_pictures_alone() -> None:
    with pytest.raises(ValueError, match="needs an alexnet, efficientnet or vit network, found encoder-only"):
        TASK.network(encoder_only_tiny(), PROCESSORS)
