"""The keys (sources, texts) of a model's train records in a file, as 64-bit hashes: they show whether a test set is unseen."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from transduce.data.columns import Column, Text
from transduce.data.split import Keys, among
from transduce.files import write_atomically

TEXT = Text()
NAME = "trained-on.npy"  # sorted, each once


def write(folder: Path, keys: Keys) -> None:
    """Writes the keys of the train records, each once."""
    write_atomically(folder / NAME, _content(keys))


def union(one: Path, other: Path) -> bytes:
    """The content of the file for a model with the train records of two folders; a folder without the file adds nothing."""
    keys = [each for folder in (one, other) if (each := _keys(folder)) is not None]
    return _content(np.concatenate(keys))


def count(folder: Path, values: Iterable[str], column: Column = TEXT) -> int | None:
    """The number of different `values` of the key column among the train records; None without the file."""
    keys = _keys(folder)
    if keys is None:
        return None
    own = np.unique(np.fromiter((column.key(column.content(value)) for value in values), np.uint64))
    return int(np.count_nonzero(among(own, keys)))


def _content(keys: Keys) -> bytes:
    content = io.BytesIO()
    np.save(content, np.unique(keys).astype("<u8"), allow_pickle=False)
    return content.getvalue()


def _keys(folder: Path) -> Keys | None:
    path = folder / NAME
    if not path.is_file():
        return None
    damaged = f"{path}: is damaged; remove it, and evaluate does not check whether a test set is unseen"
    try:
        with path.open("rb") as file:
            keys = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError):
        raise ValueError(damaged) from None
    if keys.ndim != 1 or keys.dtype != np.dtype("<u8"):
        raise ValueError(damaged)
    return keys.astype(np.uint64)
