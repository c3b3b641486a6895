"""`transduce inspect`: tables on standard output, a folder where asked for, mistakes in one line."""

import json
from pathlib import Path

import pytest

import tiny_model
from transduce.cli.main import main
from transduce.machine.devices import Devices
from transduce.workflows.inspect.run import TOP


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model.write(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)


def test_tables(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", folder, "bar bas", "--target", "nut nos", "--top", "2"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines() if line and line[0].isalpha()] == [
        "source",
        "output",
        "alternatives:",
        "saliency:",
        "attention:",
    ]
    assert "bar bas </s>" in out and "nut nos </s>" in out


def test_a_folder_where_asked_for(folder: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = tmp_path / "seen"
    assert main(["inspect", folder, "bar", "--out", str(seen)]) == 0
    out, err = capfd.readouterr()
    assert "alternatives" in out and err.endswith(f"{seen}/index.html: written\n")
    tree = json.loads((seen / "inspection.json").read_text(encoding="utf-8"))
    assert tree["text"] == "bar" and {len(step["alternatives"]) for step in tree["steps"]} == {TOP}
    assert (seen / "source-layer-2-heads.png").exists()


def test_texts_that_begin_with_a_hyphen(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", folder, "--target=-x", "--", "-bar"]) == 0
    assert "<unk> </s>" in capfd.readouterr().out


def test_long_texts(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", folder, "bar " * 60]) == 0
    assert "warning: the text has more than 40 tokens, the model's limit" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bar", "--tag", "de"], "unknown tag 'de'; no tags are known"),
        ([" "], "the text is blank"),
        (["bar", "--top", "0"], "top must be 1 to 100"),
        (["bar", "--top", "101"], "top must be 1 to 100"),
        (["bar", "--beam", "0"], "beam must be 1 to"),
        (["bar", "--target", "nut", "--beam", "2"], "--beam is of the search, and --target is given"),
        (["bar", "--out", __file__], "is a file, expected a folder or nothing"),
        (["bar", "--out", str(Path(__file__).parent)], "which is of no inspection and would be lost"),
        (["bar", "--device", "tpu"], "device must be auto, cpu"),
        ([], "required: TEXT"),
    ],
)
def test_mistakes(folder: str, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", folder, *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == "" and message in err and err.count("\n") == 1
