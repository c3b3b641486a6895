"""Progress where there is a terminal, and where there is none."""

import io
import sys
from pathlib import Path

import pytest

from transduce import terminal
from transduce.terminal import is_shown, progress_bar, start_clock, would_mix


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
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.0)
    text = worked(monkeypatch, io.StringIO())
    lines = text.splitlines()
    assert "\r" not in text and text.endswith("\n") and len(lines) > 2
    assert all(line.startswith("translating: ") and "/200 [" in line and "line/s]" in line for line in lines[1:])
    assert "100% 200/200" in lines[-1]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_TERMINAL_SECONDS", 0.0)
    text = worked(monkeypatch, Terminal())
    assert text.startswith("\r") and "translating: 100%|" in text


@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_short_work_says_nothing(monkeypatch: pytest.MonkeyPatch, stderr: type[io.StringIO]) -> None:
    assert worked(monkeypatch, stderr()) == ""


def test_a_line_for_each_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """tqdm's own thread, which draws bars anew after ten seconds, keeps out of it."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("line", 200) as bar:
        bar.update(100)
        assert bar.miniters <= 1


def test_results_and_messages_in_one_file_would_mix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        (tmp_path / "both").open("w") as one,
        (tmp_path / "both").open("a") as same,
        (tmp_path / "b").open("w") as other,
    ):
        monkeypatch.setattr(sys, "stdout", one)
        for stream, mixes in ((same, True), (other, False), (io.StringIO(), False)):
            monkeypatch.setattr(sys, "stderr", stream)
            assert would_mix() is mixes


def test_the_clock_of_a_bar_starts_with_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("line", 200) as bar:
        bar.start_t -= 3600
        start_clock(bar)
        assert bar.format_dict["elapsed"] < 60


def test_two_bars_move_no_cursor_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("line", 9, "translating") as outer, progress_bar("line", 9, "scoring") as inner:
        outer.update(9)
        inner.update(9)
    assert isinstance(sys.stderr, io.StringIO)
    assert "scoring: 100%" in sys.stderr.getvalue() and "\x1b" not in sys.stderr.getvalue()


def test_what_is_said_beside_a_bar_that_was_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_TERMINAL_SECONDS", 0.0)
    for stderr in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", stderr)
        with progress_bar("line", 200) as bar:
            assert is_shown(bar) is stderr.isatty()
            bar.disable = True
            assert not is_shown(bar)


def test_work_goes_on_where_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.0)
    assert worked(monkeypatch, Broken()) == ""
