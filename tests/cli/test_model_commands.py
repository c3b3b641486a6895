"""`translate` and `info` as a person calls them; pipes are in test_pipes.py."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import tiny_model
import tiny_tasks
import transduce
from transduce.cli.main import main
from transduce.machine.devices import Devices

SOURCES = ["bar", "", "dar kus", "mit dar bis kos", "nut"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model.write(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def expected(folder: str) -> str:
    return "".join(f"{text}\n" for text in transduce.load(folder, "cpu").translate(SOURCES))


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a file in the place of standard input."""
    with ExitStack() as stack:
        yield lambda path: monkeypatch.setattr(sys, "stdin", stack.enter_context(open(path)))


def test_files_and_standard_input_in_the_order_given(
    folder: str, expected: str, tmp_path: Path, stdin: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path / "first", "\n".join(SOURCES[:2]) + "\n")
    middle = write(tmp_path / "middle", SOURCES[2] + "\r\n")
    last = write(tmp_path / "last", "\n".join(SOURCES[3:]))
    stdin(middle)
    assert main(["translate", folder, first, "--beam", "2", "-", last]) == 0
    out, err = capfd.readouterr()
    assert (out, tiny_model.without_notes(err)) == (expected, "")
    stdin(first)
    assert main(["translate", folder]) == 0
    assert capfd.readouterr().out == "".join(expected.splitlines(keepends=True)[:2])


def test_n_best(folder: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", folder, write(tmp_path / "f", "bar\n\nnut\n"), "--n-best", "3"]) == 0
    rows = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    assert [row[:2] for row in rows] == [
        ["1", "1"],
        ["1", "2"],
        ["1", "3"],
        ["2", "1"],
        ["3", "1"],
        ["3", "2"],
        ["3", "3"],
    ]
    assert rows[3] == ["2", "1", "0.000000", ""]


def test_nothing_in_gives_nothing_out(folder: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", folder, write(tmp_path / "empty", "")]) == 0
    assert capfd.readouterr() == ("", "")


def test_bad_input_is_named_after_everything_before_it(
    folder: str, expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path / "first", "\n".join(SOURCES) + "\n")
    bad = write(tmp_path / "bad", b"bar\nb\xe4r\nnut\n")
    assert main(["translate", folder, first, bad]) == 2
    out, err = capfd.readouterr()
    assert out == expected + expected.splitlines(keepends=True)[0]
    assert tiny_model.without_notes(err) == f"transduce: error: {bad}:2: invalid UTF-8 (0xe4 at byte 2 of the line)\n"


def test_long_sources(folder: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "f", "bar\n" + "bar " * 100 + "\n")
    assert main(["translate", folder, path]) == 0
    out, err = capfd.readouterr()
    assert out.count("\n") == 2
    too_long = f"{path}:2: the source is longer than the 40 tokens that this model takes"
    assert tiny_model.without_notes(err) == f"warning: {too_long}; only its beginning was translated\n"
    assert main(["translate", folder, path, "--long", "refuse"]) == 2
    again, err = capfd.readouterr()
    assert again == out.splitlines(keepends=True)[0]
    assert tiny_model.without_notes(err) == f"transduce: error: {too_long}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "tpu"], "device must be auto, cpu, cuda or cuda:N, found 'tpu'"),
        (
            ["--device", "cuda:99"],
            "device cuda:99 is not there: this machine has cpu alone; PyTorch was built without CUDA",
        ),
        (["--beam", "0"], "beam must be 1 to 1,000, found 0"),
        (["--beam", "2", "--n-best", "3"], "n-best must be at most beam (2), found 3"),
        (["--precision", "int8"], "argument --precision: invalid choice: 'int8'"),
    ],
)
def test_settings_that_cannot_be(
    folder: str, tmp_path: Path, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", folder, write(tmp_path / "f", "bar\n"), *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err


def test_bf16(folder: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["translate", folder, write(tmp_path / "f", "bar\nnut\n"), "--precision", "bf16", "--device", "cpu"]) == 0
    )
    assert capfd.readouterr().out.count("\n") == 2


def test_a_named_pipe_is_read_like_a_file(
    folder: str, expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, "\n".join(SOURCES).encode())
    os.close(theirs)
    assert main(["translate", folder, f"/dev/fd/{ours}"]) == 0  # as <(...) in a shell
    os.close(ours)
    assert capfd.readouterr().out == expected


def test_info_about_a_model_and_a_preset(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", folder]) == 0
    out = capfd.readouterr().out
    for words in (
        "task          translation",
        "source, target  words",
        "beam                    2\n",
        "max-length              10\n",
        "every file matches it",
        "README.md",
    ):
        assert words in out
    assert "alpha" not in out  # a default
    assert main(["info", "transformer-base"]) == 0
    assert "63,082,496" in capfd.readouterr().out
    assert main(["info", "transformer-base", "--vocabulary", "36000"]) == 0
    assert f"{63_082_496 - 512_000:,}" in capfd.readouterr().out


def test_info_about_models_of_other_tasks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tiny_tasks.write_language_model(tmp_path / "lm", tags=("de",)))]) == 0
    out = capfd.readouterr().out
    for words in (
        "task          language-model",
        "architecture  decoder-only",
        "text  words",
        "tags  de",
        "max-length",
    ):
        assert words in out
    assert main(["info", str(tiny_tasks.write_classifier(tmp_path / "classifier"))]) == 0
    out = capfd.readouterr().out
    for words in (
        "task          classification",
        "architecture  encoder-only",
        "label  labels, 3",
        "every file matches it",
    ):
        assert words in out
    assert "generation" not in out  # nothing is decoded


def test_a_damaged_model_is_refused_by_every_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tiny_model.write(tmp_path / "model")
    config = folder / "config.toml"
    config.write_bytes(config.read_bytes().replace(b"heads = 4", b"heads = 2"))
    text = write(tmp_path / "f", "bar\n")
    for arguments in (["info"], ["translate", text], ["evaluate", "--source", text, "--reference", text]):
        assert main([arguments[0], str(folder), *arguments[1:]]) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert "config.toml: is damaged or was changed" in err
