"""Progress where there is a terminal, and where there is none."""

import io
import sys

import pytest

from transduce import progress
from transduce.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def worked(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress_bar("line", 200, "translating") as bar:
        for _ in range(20):
            bar.update(10)
    return stderr.getvalue()


def test_a_log_gets_whole_lines_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    text = worked(monkeypatch, io.StringIO())
    lines = text.splitlines()
    assert "\r" not in text and text.endswith("\n") and len(lines) > 2
    assert all(line.startswith("translating: ") and "/200 [" in line and "line/s]" in line for line in lines[1:])
    assert "100% 200/200" in lines[-1]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TERMINAL_SECONDS", 0.0)
    text = worked(monkeypatch, Terminal())
    assert text.startswith("\r") and "translating: 100%|" in text


@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_short_work_says_nothing(monkeypatch: pytest.MonkeyPatch, stderr: type[io.StringIO]) -> None:
    assert worked(monkeypatch, stderr()) == ""


def test_work_goes_on_where_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    assert worked(monkeypatch, Broken()) == ""
