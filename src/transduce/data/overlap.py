"""Which keys (sources, texts) a model was trained on, as 64-bit keys in a file: tells whether a test set is unseen."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from transduce.data.split import Keys, among, text_key
from transduce.files import write_atomically

NAME = "trained-on.npy"  # sorted, each once


def write(folder: Path, keys: Keys) -> None:
    """Writes the keys of the records that were trained on, each once."""
    write_atomically(folder / NAME, _packed(keys))


def of_both(one: Path, other: Path) -> bytes:
    """What the file of a model holds that was trained on the data of two folders; one that does not tell adds nothing."""
    found = [keys for folder in (one, other) if (keys := _keys(folder)) is not None]
    return _packed(np.concatenate(found))


def seen(folder: Path, texts: Iterable[str]) -> int | None:
    """How many different ones of `texts`, values of the key column, were trained on; None where `folder` does not tell."""
    keys = _keys(folder)
    if keys is None:
        return None
    asked = np.unique(np.fromiter((text_key(text) for text in texts), np.uint64))
    return int(np.count_nonzero(among(asked, keys)))


def _packed(keys: Keys) -> bytes:
    content = io.BytesIO()
    np.save(content, np.unique(keys).astype("<u8"), allow_pickle=False)
    return content.getvalue()


def _keys(folder: Path) -> Keys | None:
    path = folder / NAME
    if not path.is_file():
        return None
    damaged = f"{path}: is damaged; remove it to go on without knowing what the model was trained on"
    try:
        with path.open("rb") as file:
            keys = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError):
        raise ValueError(damaged) from None
    if keys.ndim != 1 or keys.dtype != np.dtype("<u8"):
        raise ValueError(damaged)
    return keys.astype(np.uint64)
