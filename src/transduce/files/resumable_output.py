"""A file that grows block by block over hours, goes on after a kill, and appears under its name when it is whole.

NAME.part         what there is so far; with .gz or .zst a member or frame for each block
NAME.part.json    how much of it counts, and what its maker needs in order to go on
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
from transduce.files.lock import held

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".zst": lambda data: zstandard.ZstdCompressor(level=10).compress(data),
}


class GrowingFile:
    """See `growing`. `state` is what the last `append` kept, None at the beginning."""

    def __init__(self, path: Path, identity: dict[str, Any], state: Any) -> None:
        self.path, self.state = path, state
        self._identity = identity
        self._pack = COMPRESSORS.get(path.suffix.lower(), bytes)

    def append(self, text: str, state: Any) -> None:
        """Adds a block, safe on the disk when this returns, together with `state` (plain JSON)."""
        part = _part(self.path)
        try:
            with part.open("ab") as stream:
                if text:
                    stream.write(self._pack(text.encode()))
                stream.flush()
                os.fsync(stream.fileno())
                size = stream.tell()
        except OSError as error:
            raise files.WriteError.of(error, part) from None
        self.state = state
        kept = {"identity": self._identity, "bytes": size, "state": state}
        files.write_atomically(_progress(self.path), json.dumps(kept, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Gives the file its name."""
        os.replace(_part(self.path), self.path)
        files.sync_folder(self.path.parent)
        _progress(self.path).unlink(missing_ok=True)

    def discard(self) -> None:
        """Removes what there is."""
        _part(self.path).unlink(missing_ok=True)
        _progress(self.path).unlink(missing_ok=True)


@contextmanager
def growing(path: Path, identity: dict[str, Any], anew: bool = False) -> Iterator[GrowingFile]:
    """Begins the file, or goes on where its last `append` left it. `identity` (plain JSON) says what makes it what it is.

    ValueError where another process writes it. Where its beginning has another identity or was cut, it begins `anew` if that
    is wanted, else that is a ValueError too.
    """
    part = _part(path)
    if not part.exists():
        _progress(path).unlink(missing_ok=True)  # what a kill left in the instant before it would have gone
    part.open("ab").close()
    with held(part) as ours:
        if ours is False:
            raise ValueError(f"{part}: another process writes it; wait for that, or choose another output")
        kept = _kept(path)
        if kept is not None and kept["identity"] != identity and not anew:
            raise ValueError(
                f"{part} was begun with another {_difference(kept['identity'], identity)}: give what it was begun with, "
                "or --force to begin again"
            )
        cut = kept is not None and part.stat().st_size < kept["bytes"]
        if cut and not anew:
            raise ValueError(f"{part}: is shorter than it was; give --force to begin again")
        if kept is None or kept["identity"] != identity or cut:
            kept = {"bytes": 0, "state": None}
        os.truncate(part, kept["bytes"])
        yield GrowingFile(path, identity, kept["state"])


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _progress(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.json")


def _kept(path: Path) -> dict[str, Any] | None:
    """What was kept of an earlier sitting; None if there was none, or nothing that can be used."""
    try:
        kept = json.loads(_progress(path).read_bytes())
    except (OSError, ValueError):
        return None
    usable = isinstance(kept, dict) and isinstance(kept.get("identity"), dict) and isinstance(kept.get("bytes"), int)
    return kept if usable and "state" in kept else None


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The keys in which two identities differ."""
    return ", ".join(key for key in [*now, *(before.keys() - now.keys())] if before.get(key) != now.get(key))


def check_place(path: Path, force: bool) -> None:
    """ValueError or OSError unless a file can come to be at `path`; one that is there may be replaced with `force`."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, expected a file to write")
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, "no such folder", str(path.parent))
    if path.exists() and not force:
        raise ValueError(f"{path}: is there already; name another output, or replace it with --force")
