"""Tensors in safetensors files, which cannot contain executable code."""

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.files.durable import WriteError
from transduce.files.manifest import refuse_pickle

if TYPE_CHECKING:
    from torch import Tensor


def write_tensors(path: Path, tensors: "dict[str, Tensor]") -> None:
    """Writes tensors from any device. WriteError for a failure, such as a full disk."""
    from safetensors import SafetensorError  # with torch these take seconds to import
    from safetensors.torch import save_file

    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:
        raise WriteError(errno.EIO, str(error), str(path)) from None


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Tensors by name, on the CPU. ValueError, naming the file, for another format or pickle."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    refuse_pickle(path)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: not a readable safetensors file ({error}); copy it again") from None
