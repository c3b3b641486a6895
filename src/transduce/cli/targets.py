"""Files that a command is to write, checked before any work is done."""

import os
from collections.abc import Iterable
from pathlib import Path


def check_target(option: str, path: Path | None, read: Iterable[Path | None]) -> None:
    """A file to write must have a folder to be in, and must not be one of those `read`; None is no file."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"--{option} {path} is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"--{option} {path}: there is no folder {path.parent}")
    place = path if path.exists() and not path.is_file() else path.resolve().parent  # of a link, where it points to
    if not os.access(place, os.W_OK):
        raise ValueError(f"--{option} {path}: {place} cannot be written to")
    for each in read:
        if each is not None and path.exists() and each.exists() and each.samefile(path):
            raise ValueError(f"--{option} {path} is a file that is read; name another, or it would be lost")
