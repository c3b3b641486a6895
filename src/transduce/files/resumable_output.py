"""A file that grows block by block over hours, resumes after a kill, and gets its name when it is complete.

NAME.part         the blocks so far; with .gz or .zst a member or frame for each block
NAME.part.json    the number of valid bytes, and the writer's state for resuming
"""

import errno
import gzip
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard

from transduce import files
from transduce.files.durable import named_write_errors
from transduce.files.lock import path_lock

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".zst": lambda data: zstandard.ZstdCompressor(level=10).compress(data),
}


class ResumableOutput:
    """See `resumable_output`. `state` is that of the last `append`, None at the beginning."""

    def __init__(self, path: Path, identity: dict[str, Any], state: Any) -> None:
        self.path, self.state = path, state
        self._identity = identity
        self._pack = COMPRESSORS.get(path.suffix.lower(), bytes)

    def append(self, text: str, state: Any) -> None:
        """Adds a block, and flushes it to the disk with `state` (plain JSON)."""
        part = _part(self.path)
        with named_write_errors(part), part.open("ab") as stream:
            if text:
                stream.write(self._pack(text.encode()))
            stream.flush()
            os.fsync(stream.fileno())
            size = stream.tell()
        self.state = state
        progress = {"identity": self._identity, "bytes": size, "state": state}
        files.write_atomically(_progress_file(self.path), json.dumps(progress, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Gives the file its name."""
        os.replace(_part(self.path), self.path)
        files.sync_folder(self.path.parent)
        _progress_file(self.path).unlink(missing_ok=True)

    def discard(self) -> None:
        """Removes the unfinished file."""
        _part(self.path).unlink(missing_ok=True)
        _progress_file(self.path).unlink(missing_ok=True)


@contextmanager
def resumable_output(path: Path, identity: dict[str, Any], anew: bool = False) -> Iterator[ResumableOutput]:
    """Begins the file, or resumes after its last `append`. `identity` (plain JSON) has all that determines its content.

    ValueError if another process writes the file. If the unfinished file has another identity or is truncated, the function
    begins `anew`, or else raises a ValueError too.
    """
    part = _part(path)
    if not part.exists():
        _progress_file(path).unlink(missing_ok=True)  # a kill between the two steps of `finish` leaves it
    part.open("ab").close()
    with path_lock(part) as ours:
        if ours is False:
            raise ValueError(f"{part}: another process writes it; wait for that, or choose another output")
        progress = _read_progress(path)
        if progress is not None and progress["identity"] != identity and not anew:
            raise ValueError(
                f"{part} was begun with another {_difference(progress['identity'], identity)}: use the same again, or "
                "--force to begin again"
            )
        truncated = progress is not None and part.stat().st_size < progress["bytes"]
        if truncated and not anew:
            raise ValueError(f"{part}: is shorter than it was; give --force to begin again")
        if progress is None or progress["identity"] != identity or truncated:
            progress = {"bytes": 0, "state": None}
        os.truncate(part, progress["bytes"])
        yield ResumableOutput(path, identity, progress["state"])


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _progress_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.json")


def _read_progress(path: Path) -> dict[str, Any] | None:
    """The progress of an earlier process; None if there is none, or no valid one."""
    try:
        tree = json.loads(_progress_file(path).read_bytes())
    except (OSError, ValueError):
        return None
    usable = isinstance(tree, dict) and isinstance(tree.get("identity"), dict) and isinstance(tree.get("bytes"), int)
    return tree if usable and "state" in tree else None


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The keys in which two identities differ."""
    return ", ".join(key for key in [*now, *(before.keys() - now.keys())] if before.get(key) != now.get(key))


def check_place(path: Path, force: bool) -> None:
    """ValueError or OSError unless a file can be written at `path`; `force` allows replacing an existing one."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, expected a file to write")
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, "no such folder", str(path.parent))
    if path.exists() and not force:
        raise ValueError(f"{path}: exists already; name another output, or replace it with --force")
