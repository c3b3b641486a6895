"""What holds for every command: errors in one line, names that are nearly right, a quick --help."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from transduce import __version__
from transduce.cli import main as cli
from transduce.cli.main import COMMANDS, let_waiting_threads_sleep, main


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capfd.readouterr().out == f"transduce {__version__}\n"


def test_help_names_every_command(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    out = capfd.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert main([]) == 2
    assert capfd.readouterr() == ("", out)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_that_computes_takes_a_device(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    computes = command not in ("init", "prepare", "set", "info", "attention", "layer")
    assert ("--device D" in capfd.readouterr().out) == computes


def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert main([]) == 2
    assert os.environ["GOMP_SPINCOUNT"] == "2000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    let_waiting_threads_sleep()
    assert os.environ["GOMP_SPINCOUNT"] == "7"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    out = capfd.readouterr().out
    assert out.startswith(f"usage: transduce {command} [-h]")
    assert f"examples:\n  transduce {command} " in out


def test_the_package_is_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "transduce", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"transduce {__version__}\n"


def test_help_needs_no_torch() -> None:
    """The one thing that makes start-up slow; a time limit would fail on a busy machine."""
    code = f"""
import sys
from transduce.cli.main import main
for command in [[], *([name] for name in {list(COMMANDS)})]:
    try: main([*command, "--help"])
    except SystemExit: pass
heavy = {{"torch", "numpy", "matplotlib", "pyarrow", "tokenizers", "sacrebleu"}} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian'; did you mean train?"),
        (["qqq"], f"unknown command 'qqq'; commands: {', '.join(COMMANDS)}"),
        (["translate"], "the following arguments are required: MODEL; see transduce translate --help"),
        (["translate", "m", "--n_best", "3"], "unknown option --n_best, did you mean --n-best?"),
        (["translate", "m", "--beam", "many"], "argument --beam: invalid int value: 'many'"),
        (["info", "transformer-base", "more"], "unknown argument more"),
        (["train", "none.toml"], "none.toml: no such file"),
        (["train", "none.toml", "--set", "seed"], "none.toml: no such file"),
        (["evaluate", "m", "--source", "f"], "give --source and --reference, or --data"),
        (["evaluate", "m", "--source", "f", "--data", "g"], "give either --data, or --source and --reference"),
        (["evaluate", "m", "--source", "f", "--reference", "g", "--alternatives"], "--alternatives goes with --data"),
        (
            ["info", "transformer-bas"],
            "transformer-bas is neither a model folder nor a preset; did you mean transformer-base?",
        ),
        (["translate", "nowhere", "none.txt"], "none.txt: no such file"),
    ],
)
def test_mistakes_are_named_in_one_line(
    arguments: list[str],
    message: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("transduce: error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("model: is damaged"), 2, "transduce: error: model: is damaged\n"),
        (
            FileNotFoundError(2, "No such file or directory", "a/b"),
            2,
            "transduce: error: a/b: No such file or directory\n",
        ),
        (OSError(28, "No space left on device"), 2, "transduce: error: No space left on device\n"),
        (MemoryError(), 2, "transduce: error: memory ran out; a smaller batch, beam or model needs less\n"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
            2,
            "transduce: error: memory ran out; a smaller batch, beam or model needs less\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_a_line_and_a_code(
    error: BaseException, code: int, message: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(error, monkeypatch)
    monkeypatch.setattr(cli.streams, "forget_output", lambda: None)  # it would close pytest's
    assert main(["info", "x"]) == code
    assert capfd.readouterr() == ("", message)


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(RuntimeError("shapes do not match"), monkeypatch)
    with pytest.raises(RuntimeError, match="shapes"):
        main(["info", "x"])
    fails(ValueError("model: is damaged"), monkeypatch)
    monkeypatch.setenv("TRANSDUCE_DEBUG", "1")
    with pytest.raises(ValueError, match="damaged"):
        main(["info", "x"])


def fails(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(arguments: Sequence[str]) -> int:
        raise error

    monkeypatch.setattr("transduce.cli.info.main", command)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_an_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["info", "transformer-tiny"]) == 2
    assert capfd.readouterr().err == "transduce: error: standard output cannot be written: No space left on device\n"


def test_closed_standard_streams(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["info", "transformer-tiny"]) == 2
    assert capfd.readouterr().err == "transduce: error: standard output is closed\n"
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["translate", "m"]) == 2
    assert "standard input is closed" in capfd.readouterr().err


def test_output_is_utf8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kept(io.BytesIO):
        def close(self) -> None:
            pass

    raw = Kept()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    monkeypatch.setattr("transduce.cli.info.main", lambda arguments: print("ə\n", end="") or 0)  # type: ignore[func-returns-value]
    assert main(["info"]) == 0
    assert raw.getvalue() == "ə\n".encode()
