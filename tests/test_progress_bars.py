"""Progress where there is a terminal, and where there is none."""

import io
import logging
import sys
from pathlib import Path

import pytest

from transduce import terminal
from transduce.terminal import messages_on_stderr, progress_bar, warnings_only, would_mix

log = logging.getLogger("transduce.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def worked(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    with messages_on_stderr(), progress_bar("line", 200, "translating") as bar:
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
    with messages_on_stderr(), progress_bar("line", 200) as bar:
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


def test_two_bars_move_no_cursor_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with (
        messages_on_stderr(),
        progress_bar("line", 9, "translating") as outer,
        progress_bar("line", 9, "scoring") as inner,
    ):
        outer.update(9)
        inner.update(9)
    assert isinstance(sys.stderr, io.StringIO)
    assert "scoring: 100%" in sys.stderr.getvalue() and "\x1b" not in sys.stderr.getvalue()


def test_a_message_stands_beside_a_bar_and_does_not_draw_one_early(monkeypatch: pytest.MonkeyPatch) -> None:
    for delay, drawn in ((0.0, True), (60.0, False)):
        stderr = Terminal()
        monkeypatch.setattr(terminal, "_TERMINAL_SECONDS", delay)
        monkeypatch.setattr(sys, "stderr", stderr)
        with messages_on_stderr(), progress_bar("line", 200):
            log.info("a message")
        text = stderr.getvalue()
        assert text.replace("\r", "\n").count("\na message\n" if drawn else "a message\n") == 1
        assert ("0/200" in text) is drawn


def test_messages_go_to_stderr_escaped_and_only_inside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    level, handlers = terminal.LOGGER.level, [*terminal.LOGGER.handlers]
    log.info("before")
    with messages_on_stderr():
        log.debug("a detail")
        log.info("the file %s\nhas 5 lines", "a\x1b[31m")
        log.warning("line %d is blank", 3)
        with warnings_only("transduce.workflows"):
            logging.getLogger("transduce.workflows.train").info("a trial")
            logging.getLogger("transduce.workflows.train").warning("a fault")
    assert (terminal.LOGGER.level, terminal.LOGGER.handlers) == (level, handlers)
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "the file a\\x1b[31m", "has 5 lines", "warning: line 3 is blank", "warning: a fault",
    ]  # fmt: skip


def test_library_use_draws_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_TERMINAL_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar("line", 200) as bar:
        bar.update(100)
    with messages_on_stderr(), progress_bar("line", 200, hidden=True) as bar:
        bar.update(100)
    assert isinstance(sys.stderr, Terminal) and sys.stderr.getvalue() == ""


@pytest.mark.parametrize("closed", [Broken(), None])
def test_a_closed_stderr_is_ignored(monkeypatch: pytest.MonkeyPatch, closed: Broken | None) -> None:
    gone = io.StringIO()
    gone.close()
    for stderr in (closed, gone):
        monkeypatch.setattr(sys, "stderr", stderr)
        with messages_on_stderr():
            log.info("a message")


def test_work_goes_on_where_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.0)
    assert worked(monkeypatch, Broken()) == ""
