"""`transduce translate` among other programs: slow senders, readers that leave, Ctrl-C, a terminal."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

import tiny_model
import transduce

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and signals")
COMMAND = [sys.executable, "-m", "transduce", "translate"]
PATIENCE = 120  # seconds: importing torch on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("tiny"))


@contextmanager
def translating(folder: Path, *options: str, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    command = [*COMMAND, str(folder), "--device", "cpu", *options]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[bytes], line: bytes) -> bytes:
    """One line in, one line out, and nothing sent after it."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(line)
    process.stdin.flush()
    return answer(process.stdout)


def answer(stream: IO[bytes]) -> bytes:
    ready, _, _ = select.select([stream], [], [], PATIENCE)
    assert ready, "no answer"
    return stream.readline()


def quiet(messages: bytes) -> str:
    return tiny_model.without_notes(messages.decode())


def test_a_slow_sender_gets_each_line_back_before_it_sends_the_next(folder: Path) -> None:
    expected = transduce.load(folder, "cpu").translate(["bar", "nut"])
    with translating(folder) as process:
        assert ask(process, b"bar\n") == f"{expected[0]}\n".encode()
        assert ask(process, b"\n") == b"\n"
        assert ask(process, b"nut\r\n") == f"{expected[1]}\n".encode()
        out, err = process.communicate(b"bar\nb\0r\nnut\n", timeout=PATIENCE)
        assert process.returncode == 2
    assert out == f"{expected[0]}\n".encode()
    assert quiet(err) == "transduce: error: stdin:5: NUL character (at byte 2 of the line)\n"


def test_a_reader_that_leaves_ends_it_quietly_amid_endless_input(folder: Path) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "while True: print('bar')"], stdout=-1, stderr=-3) as endless,
        translating(folder, stdin=endless.stdout.fileno()) as process,  # type: ignore[union-attr]
    ):
        assert endless.stdout is not None and process.stdout is not None and process.stderr is not None
        endless.stdout.close()  # ours; the other program has its own
        assert answer(process.stdout)
        process.stdout.close()
        assert process.wait(PATIENCE) == 141  # as a shell counts SIGPIPE
        assert quiet(process.stderr.read()) == ""
        endless.kill()


def test_ctrl_c_ends_it_quietly(folder: Path) -> None:
    with translating(folder) as process:
        assert ask(process, b"bar\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stdout is not None and process.stderr is not None
        assert (process.stdout.read(), quiet(process.stderr.read())) == (b"", "")


def test_on_a_terminal_it_is_a_prompt(folder: Path) -> None:
    pty = pytest.importorskip("pty")
    expected = transduce.load(folder, "cpu").translate(["bar", "nut"])
    ours, theirs = pty.openpty()
    with translating(folder, stdin=theirs, stdout=theirs) as process:
        os.close(theirs)
        shown = until(ours, b"> ")
        assert f"{folder}: type a line; Ctrl-D ends".encode() in shown
        os.write(ours, b"bar\n")
        assert expected[0].encode() in until(ours, b"> ")
        os.write(ours, b"nut\n")
        assert expected[1].encode() in until(ours, b"> ")
        os.write(ours, b"\x04")
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert quiet(process.stderr.read()) == ""
    os.close(ours)


def until(descriptor: int, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end) and b"> \x1b" not in seen[-12:]:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, f"no prompt after {seen!r}"
        seen += os.read(descriptor, 1000)
    return seen
