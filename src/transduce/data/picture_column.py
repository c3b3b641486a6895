"""Pictures as a column: a value names a picture, the store holds its pixels.

A value is one of

    cats/17.png                     a file; in a file of records its name is relative to the folder of that file
    train-images-idx3-ubyte#17      item 17, counted from 0, of an IDX file
    data:image/png;base64,iVBO...   the content of a file itself, as Python gives a picture that is in memory

Letters: h height, w width, C channels.
"""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from PIL import Image

from transduce import files
from transduce.data.columns import Column, Fault, Notes, Processor
from transduce.data.formats import idx
from transduce.data.pictures import SUFFIXES, Pixels, decoded, fitted, in_memory, read_bytes, visible_files
from transduce.data.records import counted, shortened

ITEM = re.compile(r"(.+)#(\d{1,9})", re.DOTALL)
EMBEDDED = "data:image/"
NAME = 200  # characters of the name of a picture, in messages
MOST_BYTES = 1 << 20  # of the file of a processor
LARGEST_SIZE = 2_048  # height and width in pixels that a network reads
LEAST_DEVIATION = 1e-3  # of pixels from 0 to 1: a channel of one value is not divided by 0


@dataclass(frozen=True)
class Picture(Column):
    """A picture as pixels of one size: `size` is height and width, `channels` 1 for grey and 3 for RGB."""

    file: ClassVar[str] = "pixels"
    dtype: ClassVar[str] = "uint8"
    sample: ClassVar[int | None] = 5_000
    advice: ClassVar[str] = "replace the picture"

    size: int = 224
    channels: int = 3

    @property
    def numbers(self) -> int | None:
        return self.channels * self.size**2

    def load(self, path: Path) -> "PixelValues":
        return PixelValues.load(path)

    def check(self, processor: Processor) -> None:
        assert isinstance(processor, PixelValues)
        for key, own, other in (
            ("size", self.size, processor.picture_size),
            ("channels", self.channels, processor.channels),
        ):
            if own != other:
                raise ValueError(f"{key} is {other}, but task.{key} is {own}")

    def learn(self, values: Iterable[str], name: str) -> "PixelValues":
        return PixelValues.learn(values, name, self)

    def example(self) -> "PixelValues":
        return PixelValues(self.size, self.channels, (0.5,) * self.channels, (0.5,) * self.channels)

    def located(self, value: str, folder: Path) -> str | Fault:
        """ValueErrors of odd names become Faults; a relative name must stay in the folder, links included."""
        if value.startswith(EMBEDDED):
            return value
        path = folder / value
        try:
            item = _item(str(path))
            file = os.path.realpath(path if item is None else item[0])  # a link with an item's number is no link's name
            if not Path(value).is_absolute() and not Path(file).is_relative_to(os.path.realpath(folder)):
                advice = "give its absolute path if that is right"
                return Fault("picture outside of the folder", f"{value} leads out of {folder}; {advice}")
            if not path.exists() and item is None:
                return Fault("no such picture", f"{path}; names are relative to the folder of the file")
        except (OSError, ValueError) as error:
            return Fault("no such picture", f"{value!r} cannot be the name of a file ({error})")
        return os.path.abspath(path)

    def file_of(self, value: str) -> Path | None:
        item = _item(value)
        return None if value.startswith(EMBEDDED) else Path(value) if item is None else item[0]

    def content(self, value: str) -> str:
        """The hash of a file's content, of an item's pixels: equal pictures in files of other bytes are different."""
        content = _content(value)
        if isinstance(content, Fault):
            return f"{value}\0{content}"  # the pass that decodes it says what is wrong
        return hashlib.blake2b(content if isinstance(content, bytes) else content.tobytes(), digest_size=16).hexdigest()

    def encode(self, processor: Processor, values: Sequence[str]) -> tuple[Sequence[Any], Sequence[Notes]]:
        assert isinstance(processor, PixelValues)
        pairs = [processor.pixels(value) for value in values]
        return [each if isinstance(each, Fault) else each.reshape(-1) for each, _ in pairs], [
            notes for _, notes in pairs
        ]

    def value_of(self, given: object) -> str | None:
        """Also a Path, and a picture of Pillow, which is rotated as its EXIF orientation says. ValueError for one that cannot
        be read.
        """
        if isinstance(given, Image.Image):
            return f"{EMBEDDED}png;base64,{base64.b64encode(in_memory(given)).decode('ascii')}"
        return str(given) if isinstance(given, str | Path) else None

    def values_in(self, path: Path) -> list[str] | None:
        """The pictures in a folder and below, sorted by name, without hidden ones, or a picture; None for files of records.

        ValueError for a folder without pictures.
        """
        if path.is_dir():
            names = [each for each in visible_files(path) if each.suffix.lower() in SUFFIXES and each.is_file()]
            if not names:
                raise ValueError(f"{path}: no picture is in this folder (names that end in {', '.join(SUFFIXES)})")
            return list(map(str, names))
        if path.suffix.lower() in SUFFIXES:
            return [str(path)]
        return [f"{path}#{place}" for place in range(len(idx.items(path)))] if idx.is_idx(path) else None


def picture_columns(columns: Mapping[str, Column]) -> list[str]:
    """The names of the columns that are pictures."""
    return [name for name, column in columns.items() if isinstance(column, Picture)]


def is_named_as_picture(name: str) -> bool:
    """Whether a file is a picture, or an IDX file of them, by its name."""
    return Path(name).suffix.lower() in SUFFIXES or idx.is_idx(Path(name))


def _item(value: str) -> tuple[Path, int] | None:
    """The IDX file and the place of an item that a value names; None for a value that names a file."""
    match = ITEM.fullmatch(value)
    if match is None or os.path.exists(value) or not os.path.isfile(match[1]):
        return None
    return Path(match[1]), int(match[2])


def _content(value: str) -> bytes | np.ndarray | Fault:
    """The bytes of a picture's file, or the pixels of an item."""
    if value.startswith(EMBEDDED):
        try:
            return base64.b64decode(value.partition(",")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            return Fault("damaged picture", f"not base64 ({error})")
    item = _item(value)
    if item is None:
        return read_bytes(Path(value))
    path, place = item
    try:
        items = idx.items(path)
    except ValueError as error:
        return Fault("damaged IDX file", str(error))
    if place >= len(items):
        return Fault(
            "no such picture",
            f"{path} has {counted(len(items), 'item')}, and {place} is not one of 0 to {len(items) - 1:,}",
        )
    pixels: np.ndarray = items[place]
    return pixels


def _fitted_item(item: np.ndarray, channels: int, size: int) -> Pixels | Fault:
    """The pixels of an item of an IDX file, (h, w) or (h, w, C)."""
    if item.ndim not in (2, 3) or item.shape[2:] not in ((), (1,), (3,)):
        return Fault("not a picture", f"expected items of height and width, found the shape {item.shape}")
    if item.size == channels * size**2 and item.shape[:2] == (size, size):
        return item.reshape(size, size, channels)
    return fitted(Image.fromarray(item.squeeze(-1) if item.shape[2:] == (1,) else item), channels, size)


@dataclass(frozen=True)
class PixelValues:
    """The processor of a Picture: the form of its pixels, and what the network subtracts and divides by.

    mean, deviation: of each channel over the pictures to train on, of pixels from 0 to 1.
    """

    picture_size: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.picture_size <= LARGEST_SIZE or self.channels not in (1, 3):
            raise ValueError(
                f"size must be 1 to {LARGEST_SIZE:,} and channels 1 or 3, found {self.picture_size} and {self.channels}"
            )
        for key, values, least in (("mean", self.mean, 0.0), ("deviation", self.deviation, LEAST_DEVIATION)):
            if len(values) != self.channels or not all(least <= value <= 1 for value in values):
                numbers = counted(self.channels, "number")
                raise ValueError(
                    f"{key} must be {numbers} from {least:g} to 1, one for each channel, found {list(values)}"
                )

    @classmethod
    def learn(cls, values: Iterable[str], name: str, picture: Picture) -> "PixelValues":
        """Mean and deviation over the pictures that can be read. ValueError if none can."""
        count, total, squares = 0, np.zeros(picture.channels), np.zeros(picture.channels)
        plain = cls(picture.size, picture.channels, (0.0,) * picture.channels, (1.0,) * picture.channels)
        fault = ""
        for value in values:
            pixels, _ = plain.pixels(value)
            if isinstance(pixels, Fault):
                fault = fault or f"{shortened(value, NAME)}: {pixels}"
                continue
            shares = pixels.reshape(-1, picture.channels) / 255
            count, total, squares = count + 1, total + shares.mean(0), squares + (shares**2).mean(0)
        if count == 0:
            raise ValueError(f"column {name!r}: no picture to train on can be read ({fault})")
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, LEAST_DEVIATION**2))
        return cls(picture.size, picture.channels, _rounded(mean), _rounded(deviation))

    @property
    def size(self) -> int:
        return self.channels * self.picture_size**2

    @property
    def description(self) -> str:
        """For people: "28 x 28 pixels, grey, mean 0.286, deviation 0.353"."""
        kind = "grey" if self.channels == 1 else "RGB"
        mean, deviation = (" ".join(f"{each:.3f}" for each in values) for values in (self.mean, self.deviation))
        return f"{self.picture_size} x {self.picture_size} pixels, {kind}, mean {mean}, deviation {deviation}"

    def pixels(self, value: str) -> tuple[Pixels | Fault, Notes]:
        """The pixels of a picture and the notes about it, or the fault of a value."""
        content = _content(value)
        if isinstance(content, Fault):
            return content, ()
        if isinstance(content, np.ndarray):
            return _fitted_item(content, self.channels, self.picture_size), ()
        result = decoded(content, self.channels, self.picture_size)
        return (result, ()) if isinstance(result, Fault) else result

    def encode_batch(self, values: Sequence[str]) -> list[Any]:
        """The pixels of each picture, row after row, or its Fault."""
        return [pixels if isinstance(pixels, Fault) else pixels.reshape(-1) for pixels, _ in map(self.pixels, values)]

    def normalised(self, pixels: Float[np.ndarray, "B h w C"]) -> Float[np.ndarray, "B h w C"]:
        """Pixels from 0 to 255 with mean 0 and deviation 1 in each channel."""
        mean, deviation = (255 * np.array(values, np.float32) for values in (self.mean, self.deviation))
        return (pixels - mean) / deviation

    def save(self, path: Path) -> None:
        files.write_atomically(path, self._file())

    @classmethod
    def load(cls, path: Path) -> "PixelValues":
        """Reads a file that `save` wrote. ValueError, naming the file, for anything else."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
            tree = json.loads(path.read_bytes())
            size, channels = int(tree["size"]), int(tree["channels"])
            return cls(size, channels, tuple(map(float, tree["mean"])), tuple(map(float, tree["deviation"])))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"{path}: not a file of pixel values: {error}") from None

    def sha256(self) -> str:
        return hashlib.sha256(self._file()).hexdigest()

    def _file(self) -> bytes:
        tree = {
            "size": self.picture_size, "channels": self.channels, "mean": self.mean, "deviation": self.deviation
        }  # fmt: skip
        return (json.dumps(tree) + "\n").encode()


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    """To 6 digits, so that sums in another order give the same file."""
    return tuple(float(f"{value:.6g}") for value in values)
