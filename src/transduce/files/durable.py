"""Atomic writes: after a kill or on a full disk, a file or folder has its old or its new content, nothing between.

A write goes to a temporary name in the same folder (`.NAME.TOKEN.tmp`), is flushed to the disk, and then renamed. The
next write of the same NAME, or `remove_leftovers`, removes the temporary files of killed processes; a lock protects those
of live ones.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from transduce.files.lock import path_lock

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


class WriteError(OSError):
    """A failed write; the old content is unchanged."""

    def __str__(self) -> str:
        return f"{self.filename}: cannot be written: {self.strerror}; the old content is unchanged"


@contextmanager
def named_write_errors(path: Path) -> Iterator[None]:
    """Raises an OSError of the block again as a WriteError of `path`."""
    try:
        yield
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from None


def write_atomically(path: Path, data: bytes | str) -> None:
    """Replace a whole file: temporary file, fsync, rename, fsync of the folder. Text becomes UTF-8.

    Replaces the target of a link, and writes into a pipe or device such as /dev/null. WriteError for a failure, such as a
    full disk; the old file stays.
    """
    content = data.encode() if isinstance(data, str) else data
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or device, which must not be replaced
        with named_write_errors(path):
            path.write_bytes(content)
        return
    path = path.resolve()
    with named_write_errors(path), _temporary(path, lambda name: name.touch(exist_ok=False)) as temporary:
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    sync_folder(path.parent)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Create or replace a whole folder: yields an empty folder beside `path`, which replaces `path` at the end.

    An error in the block removes the new folder and keeps the old one. A kill leaves the old one at `path`, or the new
    one, or, in the instant between two renames, the old one under a name that `recover_folder` knows.

        with replace_folder(Path("model")) as folder:
            (folder / "config.toml").write_text(...)
    """
    path = path.resolve()
    if path.is_file():  # one look: another process may replace the folder at this moment
        raise ValueError(f"{path}: is a file, expected a folder or nothing")
    with ExitStack() as stack:
        with named_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            recover_folder(path)
            temporary = stack.enter_context(_temporary(path, Path.mkdir))
        try:
            yield temporary
        except OSError as error:
            if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            with named_write_errors(path):  # a full disk or quota
                raise
        with named_write_errors(path):
            _sync_tree(temporary)
            _swap(temporary, path)


def _swap(new: Path, path: Path) -> None:
    """Move `path` aside and `new` to `path`; retries if another process swaps the same folder at the same time."""
    for attempt in range(100):
        old = _beside(path, "old")
        with path_lock(path):
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
    """Undo or finish a `replace_folder` after a kill, and remove its temporary folders."""
    path = path.resolve()
    if not path.parent.is_dir():
        return
    for old in sorted(_siblings(path, "old"), key=_age):
        with path_lock(old) as ours:
            if ours is False:  # another process works on it, or has finished
                continue
            if path.exists():  # killed after the second rename: finish
                shutil.rmtree(old, ignore_errors=True)
            else:  # killed before it: undo
                os.rename(old, path)
                sync_folder(path.parent)
    _remove_leftovers(path)


def remove_leftovers(folder: Path) -> None:
    """Remove all temporary files and folders of dead processes from a folder, which may be missing."""
    for name in os.listdir(folder) if folder.is_dir() else ():
        if TEMPORARY.fullmatch(name):
            _remove_if_left_over(folder / name)


def remove_folder(path: Path) -> None:
    """Remove a folder, which may be missing, so that a kill never leaves half of it under its name."""
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
    """Sort key: the youngest first, missing ones last."""
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def _temporary(path: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A new locked file or folder beside `path`; removed at the end unless it was renamed."""
    _remove_leftovers(path)
    while True:
        temporary = _beside(path, "tmp")
        create(temporary)
        with path_lock(temporary) as ours:
            if ours is False:  # another process removed it as a leftover before the lock
                continue
            try:
                yield temporary
            finally:
                with suppress(OSError):
                    _remove(temporary)
            return


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files and folders of `path` from dead processes."""
    for leftover in _siblings(path, "tmp"):
        _remove_if_left_over(leftover)


def _remove_if_left_over(temporary: Path) -> None:
    with path_lock(temporary) as ours, suppress(OSError):
        if ours:
            _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
