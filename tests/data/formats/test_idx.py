"""IDX files: items by name, and every way in which a file is wrong."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from picture_toy import idx_bytes, write_idx
from transduce.data.columns import Fault
from transduce.data.formats import idx
from transduce.data.picture_column import Picture

DIGITS = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)


@pytest.mark.parametrize(
    "name", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte", "a.idx"]
)
def test_items(tmp_path: Path, name: str) -> None:
    path = write_idx(tmp_path / name, DIGITS)
    assert idx.is_idx(path) and (idx.items(path) == DIGITS).all() and idx.facts(path).lines == 3
    values = list(idx.values(path))
    assert values == [f"{path}#{place}" for place in range(3)]
    rows = Picture(4, 1).example().encode_batch(values)
    assert (np.stack(rows).reshape(3, 4, 4) == DIGITS).all()
    (fault,) = Picture(4, 1).example().encode_batch([f"{path}#3"])
    assert isinstance(fault, Fault) and "has 3 items" in fault.detail
    assert not idx.is_idx(tmp_path / "train.csv") and not idx.is_idx(tmp_path / "idx.txt")


def test_labels_and_other_sizes(tmp_path: Path) -> None:
    assert list(idx.values(write_idx(tmp_path / "labels-idx1-ubyte", np.array([7, 0], np.uint8)))) == ["7", "0"]
    path = write_idx(tmp_path / "a.idx", DIGITS)
    (row,) = Picture(2, 3).example().encode_batch([f"{path}#0"])
    assert row.shape == (12,)
    colours = write_idx(tmp_path / "b.idx", np.zeros((2, 4, 4, 3), np.uint8))
    assert Picture(4, 3).example().encode_batch([f"{colours}#1"])[0].shape == (48,)
    strange = write_idx(tmp_path / "c.idx", np.zeros((2, 4, 4, 2), np.uint8))
    (fault,) = Picture(4, 3).example().encode_batch([f"{strange}#1"])
    assert isinstance(fault, Fault) and fault.reason == "not a picture"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"not an IDX file: expected the first bytes 0 0 8 .*, found \[\]"),
        (b"image,label\n", "not an IDX file"),
        (bytes([0, 0, 8, 9]) + bytes(40), "1 to 4 dimensions"),
        (idx_bytes(DIGITS, kind=0x0D), "items are of type 0x0d, expected 0x08, unsigned bytes"),
        (idx_bytes(DIGITS)[:9], "ends within its header"),
        (idx_bytes(DIGITS)[:-1], "announces 3 x 4 x 4 = 48 bytes, found only 47; get the file again"),
        (idx_bytes(DIGITS) + b"x", "= 48 bytes, found more"),
        (bytes([0, 0, 8, 1]) + struct.pack(">I", 0), "announces 0 bytes, expected 1 to"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", 1 << 20, 1 << 20, 1 << 20), "expected 1 to 4,294,967,296"),
    ],
)
def test_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a-idx3-ubyte: .*{words}"):
        idx.items(path)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "a.idx", DIGITS)
    first = idx.facts(path)
    write_idx(path, np.zeros((2, 5, 5), np.uint8))
    assert idx.items(path).shape == (2, 5, 5)
    with pytest.raises(ValueError, match="changed during reading"):
        first.require_unchanged()


def test_a_truncated_archive(tmp_path: Path) -> None:
    path = tmp_path / "a-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(DIGITS))[:-6])
    with pytest.raises(ValueError, match="ends too early"):
        idx.items(path)
