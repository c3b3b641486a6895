"""Which sources a model was trained on, as 64-bit keys in a file: tells whether a test set is unseen."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt64

from transduce.data.split import Keys, among, source_key

NAME = "trained-on.npy"  # sorted keys, one for each different source


def write(folder: Path, keys: Keys) -> None:
    """Writes the keys of the pairs that were trained on; equal ones once."""
    np.save(folder / NAME, _sorted(keys), allow_pickle=False)


def of_both(one: Path, other: Path) -> bytes:
    """What the file of a model holds that was trained on the data of two folders; one that does not tell adds nothing."""
    found = [keys for folder in (one, other) if (keys := _keys(folder)) is not None]
    content = io.BytesIO()
    np.save(content, _sorted(np.concatenate(found)), allow_pickle=False)
    return content.getvalue()


def seen(folder: Path, sources: Iterable[str]) -> int | None:
    """How many different ones of `sources` were trained on; None where `folder` does not tell."""
    keys = _keys(folder)
    if keys is None:
        return None
    asked = np.unique(np.fromiter((source_key(source) for source in sources), np.uint64))
    return int(np.count_nonzero(among(asked, keys)))


def _sorted(keys: Keys) -> UInt64[np.ndarray, " D"]:
    return np.unique(keys).astype("<u8")


def _keys(folder: Path) -> Keys | None:
    path = folder / NAME
    return np.load(path, allow_pickle=False).astype(np.uint64) if path.is_file() else None
