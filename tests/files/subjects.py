"""What the tests of this folder work on: a small model folder, other processes, a full disk."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transduce import files

VERSION = 3


def make_model(folder: Path) -> Path:
    """A small folder with files of the kinds that models have, one of them in a folder, one empty."""
    (folder / "more").mkdir(parents=True)
    (folder / "config.toml").write_text('task = "translation"\n')
    (folder / "more" / "weights").write_bytes(os.urandom(3000))
    (folder / "empty").touch()
    files.write_manifest(folder, VERSION, steps=1000, note="ü")
    return folder


def python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes (Python ignores SIGXFSZ, so writes fail with an error)."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
