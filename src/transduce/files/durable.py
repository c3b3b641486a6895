"""Writes that are whole or have not happened: whoever looks after a kill or a full disk finds the old or the new.

Everything is written under a temporary name beside its place (`.NAME.TOKEN.tmp`), flushed to the disk, and renamed.
What a killed process leaves under such a name is removed by the next write of the same NAME, or by `remove_leftovers`; a
lock tells the living from the dead.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from transduce.files.lock import held

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


class WriteError(OSError):
    """Something could not be written; what was there before is unchanged."""

    def __str__(self) -> str:
        return f"{self.filename}: cannot be written: {self.strerror}; what was there before is unchanged"

    @classmethod
    def of(cls, error: OSError, path: Path) -> "WriteError":
        return cls(error.errno, error.strerror or str(error), str(path))


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file as a whole: temporary file, fsync, rename, fsync of the folder. Text becomes UTF-8.

    A link stays one: what it points to is replaced. What is no file, such as a pipe or /dev/null, is written to. WriteError
    where it fails, on a full disk for example; then the old file is still there.
    """
    content = data.encode() if isinstance(data, str) else data
    if path.exists() and not path.is_file() and not path.is_dir():
        return _write_through(path, content)
    path = path.resolve()
    try:
        with _temporary(path, lambda name: name.touch(exist_ok=False)) as temporary:
            with suppress(FileNotFoundError):
                shutil.copymode(path, temporary)
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        raise WriteError.of(error, path) from None
    sync_folder(path.parent)


def _write_through(path: Path, content: bytes) -> None:
    """Into a pipe or device, which no other file may take the place of."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise WriteError.of(error, path) from None


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Make or replace a folder as a whole: yields an empty folder beside `path` that takes its place at the end.

    An error in the block removes the new folder and keeps the old one. A kill leaves the old one at `path`, or the new
    one, or, in the instant between two renames, the old one under a name that `recover_folder` knows.

        with replace_folder(Path("model")) as folder:
            (folder / "config.toml").write_text(...)
    """
    path = path.resolve()
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path}: is a file, expected a folder or nothing")
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            recover_folder(path)
            temporary = stack.enter_context(_temporary(path, Path.mkdir))
        except OSError as error:
            raise WriteError.of(error, path) from None
        with _full_disk_named(path):
            yield temporary
        try:
            _sync_tree(temporary)
            _swap(temporary, path)
        except OSError as error:
            raise WriteError.of(error, path) from None


@contextmanager
def _full_disk_named(path: Path) -> Iterator[None]:
    """A disk that is full, or a quota used up, is said with the name of what was to be written."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise WriteError.of(error, path) from None


def _swap(new: Path, path: Path) -> None:
    """Move `path` aside and `new` to `path`; again where another process swaps the same folder at the same time."""
    for attempt in range(100):
        old = _beside(path, "old")
        with held(path):
            try:
                if path.exists():
                    os.rename(path, old)
                os.rename(new, path)
            except BaseException as error:
                if old.exists() and not path.exists():
                    os.rename(old, path)
                retry = isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)
                if not retry or attempt == 99:
                    raise
                continue
            sync_folder(path.parent)
            shutil.rmtree(old, ignore_errors=True)
            return


def recover_folder(path: Path) -> None:
    """Undo or finish a `replace_folder` that a kill cut off, and remove what it left. Otherwise nothing happens."""
    path = path.resolve()
    if not path.parent.is_dir():
        return
    for old in sorted(_siblings(path, "old"), key=_age):
        with held(old) as ours:
            if ours is False:  # another process is at it, or was
                continue
            if path.exists():  # cut off after the new folder came: finish
                shutil.rmtree(old, ignore_errors=True)
            else:  # cut off before: undo
                os.rename(old, path)
                sync_folder(path.parent)
    _remove_leftovers(path)


def remove_leftovers(folder: Path) -> None:
    """Remove from a folder the temporary files and folders, under whatever name, whose makers are dead. A missing one is fine."""
    for name in os.listdir(folder) if folder.is_dir() else ():
        if TEMPORARY.fullmatch(name):
            _remove_if_left_over(folder / name)


def remove_folder(path: Path) -> None:
    """Remove a folder so that a kill never leaves half of it under its name. A missing one is fine."""
    path = path.resolve()
    if not path.exists():
        return
    if not path.is_dir():
        raise ValueError(f"{path}: is a file, expected a folder")
    temporary = _beside(path, "tmp")
    os.rename(path, temporary)
    sync_folder(path.parent)
    shutil.rmtree(temporary)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries (the names of its files, not their contents) to the disk."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that flush names by themselves
            raise
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb+" if os.name == "nt" else "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(parent))


# --- Temporary names


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{kind}")


def _siblings(path: Path, kind: str) -> list[Path]:
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.{kind}")
    return [path.with_name(name) for name in os.listdir(path.parent) if pattern.fullmatch(name)]


def _age(path: Path) -> float:
    """Sorts the youngest first, what is gone last."""
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def _temporary(path: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A new file or folder beside `path`, ours alone, gone at the end unless it was renamed."""
    _remove_leftovers(path)
    while True:
        temporary = _beside(path, "tmp")
        create(temporary)
        with held(temporary) as ours:
            if ours is False:  # another process took it for a leftover before it was locked
                continue
            try:
                yield temporary
            finally:
                with suppress(OSError):
                    _remove(temporary)
            return


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files and folders of `path` whose makers are dead."""
    for leftover in _siblings(path, "tmp"):
        _remove_if_left_over(leftover)


def _remove_if_left_over(temporary: Path) -> None:
    with held(temporary) as ours, suppress(OSError):
        if ours:
            _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
