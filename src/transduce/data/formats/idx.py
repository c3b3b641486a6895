"""IDX files: arrays of bytes, as MNIST and Fashion-MNIST come.

    0 0 type dimensions | size of each dimension, 4 bytes each, the highest first | items

An item is what the first dimension counts: a picture of (N, height, width) bytes, a label of (N,). The type is 8, unsigned
bytes. Files may be compressed: `.gz` or `.zst` after the name.
"""

import functools
import hashlib
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import FileFacts, open_text, stamp

NAME = re.compile(r"idx\d[-.]?ubyte$|\.idx\d?$", re.IGNORECASE)
UNSIGNED_BYTE = 8
MOST_BYTES = 4 << 30  # of the items of a file, which are in memory
MOST_DIMENSIONS = 4


def is_idx(path: Path) -> bool:
    """Whether a file is named as IDX files are: train-images-idx3-ubyte.gz, digits.idx."""
    return NAME.search(unpacked_name(path).name) is not None


def items(path: Path) -> UInt8[np.ndarray, "N ..."]:
    """The array of a file; its first dimension counts the items. The last files are kept in memory.

    ValueError, with the file, for anything but a whole IDX file of unsigned bytes.
    """
    return _items(path, stamp(path))


@functools.lru_cache(maxsize=4)
def _items(path: Path, stamp: tuple[int, ...]) -> UInt8[np.ndarray, "N ..."]:
    with open_text(path) as stream:
        shape = _shape(path, stream)
        size = math.prod(shape)
        content = stream.read(size + 1)
    if len(content) != size:
        announced = f"{' x '.join(f'{each:,}' for each in shape)} = {size:,} bytes"
        length = f"only {len(content):,}" if len(content) < size else "more"
        raise ValueError(f"{path}: its header announces {announced}, found {length}; get the file again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(path: Path, stream: BufferedReader) -> tuple[int, ...]:
    """The sizes of the dimensions, from the header. ValueError for a header of another kind."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= MOST_DIMENSIONS:
        expected = f"0 0 8 and 1 to {MOST_DIMENSIONS} dimensions"
        raise ValueError(f"{path}: not an IDX file: expected the first bytes {expected}, found {list(magic)}")
    if magic[2] != UNSIGNED_BYTE:
        raise ValueError(
            f"{path}: its items are of type {magic[2]:#04x}, expected {UNSIGNED_BYTE:#04x}, unsigned bytes"
        )
    header = stream.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise ValueError(f"{path}: the file ends within its header; get it again")
    shape = tuple(np.frombuffer(header, ">u4").tolist())
    if not all(shape) or math.prod(shape) > MOST_BYTES:
        sizes = " x ".join(f"{each:,}" for each in shape)
        raise ValueError(f"{path}: its header announces {sizes} bytes, expected 1 to {MOST_BYTES:,}")
    return shape


def values(path: Path) -> Iterator[str]:
    """The items as values of a column: numbers as text, pictures by name, "/data/digits.idx#17"."""
    array = items(path)
    if array.ndim == 1:
        yield from map(str, array.tolist())
    else:
        name = os.path.abspath(path)
        yield from (f"{name}#{place}" for place in range(len(array)))


@dataclass(frozen=True)
class IdxFacts(FileFacts):
    """The number of items, as `lines`, and the hash of the items with their shape."""

    def again(self) -> FileFacts:
        return facts(self.path)


def facts(path: Path) -> IdxFacts:
    """ValueError as for `items`."""
    before = stamp(path)
    array = items(path)
    digest = hashlib.sha256(repr(array.shape).encode() + array.tobytes())
    return IdxFacts(path, len(array), digest.hexdigest(), before)
