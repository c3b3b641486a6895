"""Which sources a model was trained on, as 64-bit keys in a file: tells whether a test set is unseen."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from transduce.data.split import Keys, among, source_key

NAME = "trained-on.npy"  # sorted keys, one for each different source


def write(folder: Path, keys: Keys) -> None:
    """Writes the keys of the pairs that were trained on; equal ones once."""
    np.save(folder / NAME, np.unique(keys).astype("<u8"), allow_pickle=False)


def seen(folder: Path, sources: Iterable[str]) -> int | None:
    """How many different ones of `sources` were trained on; None where `folder` does not tell."""
    path = folder / NAME
    if not path.is_file():
        return None
    keys = np.load(path, allow_pickle=False).astype(np.uint64)
    asked = np.unique(np.fromiter((source_key(source) for source in sources), np.uint64))
    return int(np.count_nonzero(among(asked, keys)))
