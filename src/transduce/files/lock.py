"""File locks, which end with the process of their holder."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def try_lock(descriptor: int) -> bool | None:
    """Take the exclusive lock of an open file or folder, without waiting.

    True: it is ours until the descriptor closes. False: another process has it. None: the system has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


@contextmanager
def path_lock(path: Path) -> Iterator[bool | None]:
    """Hold the lock of a file or folder in use, so that no process removes it as the leftover of a kill.

    Yields True: it is ours. False: another process has it, or the path is missing. None: the system has no locks.
    """
    descriptor, ours = None, None
    try:
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            ours = try_lock(descriptor)
        except OSError:  # Windows opens no folders
            ours = None
        yield ours if os.path.lexists(path) else False
    finally:
        if descriptor is not None:
            os.close(descriptor)


class InUse(ValueError):
    """Another process works in a folder."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """One holder per folder: an exclusive flock on `folder/lock`. Creates a missing folder.

    A second holder, in this process or another, gets a ValueError with the folder and the holder's process id.
    A killed holder leaves the file without a lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(folder / "lock", flags, 0o666)
    except OSError as error:
        raise ValueError(f"{folder}: cannot be written: {error.strerror}") from None
    try:
        ours = try_lock(descriptor)
        if ours is False:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            by = f"process {holder}" if holder.isdecimal() else "another process"
            raise InUse(f"{folder}: is in use by {by}; wait for it, stop it, or choose another folder")
        if ours is None:
            warnings.warn(f"{folder}: no locks here; nothing stops a second writer", RuntimeWarning, stacklevel=3)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)  # the file stays: removing it would let two holders lock two files
    finally:
        os.close(descriptor)
