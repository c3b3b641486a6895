"""`prepare` and `train` as a person calls them, on a run of a few updates; and how an interrupted one goes on."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny_model
import tiny_tasks
from transduce.cli.main import main
from transduce.training.state import TrainState
from transduce.workflows.train import run as train_workflow
from transduce.workflows.train import run_file as run_files
from transduce.workflows.train.run import Trained
from transduce.workflows.train.run_file import read_run

RUN = """
[data]
train = [{ file = "pairs.tsv" }]
split = { dev = 5 }
[tokenizer]
kind = "words"
[model]
preset = "transformer-tiny"
[training]
epochs = 50
batch-tokens = 200
precision = "float32"
"""


@pytest.fixture
def run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    words = tiny_model.WORDS
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in zip(words, reversed(words), strict=True)))
    (tmp_path / "first.toml").write_text(RUN)
    return "first.toml"


def test_prepare_then_train_then_use(run_file: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", run_file]) == 0
    out, _ = capfd.readouterr()
    assert "85" in out  # of 90 pairs 5 are held out
    assert main(["train", run_file, "--set", "training.epochs=none", "--set", "training.steps=3"]) == 0
    out, err = capfd.readouterr()
    assert out == "runs/first/model\n"
    assert "transduce translate runs/first" in err
    assert main(["info", "runs/first"]) == 0
    assert re.search(r"^  d-model +64$", capfd.readouterr().out, re.MULTILINE)
    assert main(["evaluate", "runs/first", "--data", "pairs.tsv", "--metrics", "exact-match", "--beam", "1"]) == 0
    assert "sentences" in capfd.readouterr().out


def test_prepare_refuses_what_train_refuses(run_file: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = Path(run_file)
    path.write_text("\n".join(line for line in path.read_text().split("\n") if not line.startswith("split")))
    for command in ("prepare", "train"):
        assert main([command, run_file]) == 2
        assert "data.dev or data.split is needed" in capfd.readouterr().err
    path.write_text('task = "language-model"\n[data]\ntrain = [{ file = "pairs.jsonl" }]\nsplit = { dev = 1 }\n')
    Path("pairs.jsonl").write_text('{"source": "bar", "target": "nut"}\n' * 3)
    for command in ("prepare", "train"):
        assert main([command, run_file]) == 2
        assert "the columns of pairs.jsonl fit task translation, not language-model" in capfd.readouterr().err


def test_a_second_run_in_the_same_folder_is_refused(run_file: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("runs/first/checkpoints/step-00000001").mkdir(parents=True)
    assert main(["train", run_file]) == 2
    err = capfd.readouterr().err
    assert "runs/first holds a run already" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "training.step=5"], "--set: unknown key 'training.step'; did you mean 'training.steps'?"),
        (["--set", "training.steps=many"], "--set: training.steps must be a whole number"),
        (["--minutes", "0"], "argument --minutes: must be a number above 0, found 0"),
        (["--minutes", "nan"], "argument --minutes: must be a number above 0, found nan"),
        (["--minutes", "ten"], "argument --minutes: must be a number above 0, found ten"),
        (
            ["--set", "training.steps=500", "--minutes", "10"],
            "--minutes 10 and --set training.steps=500: only one can be the budget",
        ),
        (["--set", "training={epochs=3}", "--minutes", "10"], "--minutes 10 and --set training.epochs=3: only one"),
        (["--resume"], "runs/first holds no run to resume"),
    ],
)
def test_mistakes(run_file: str, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", run_file, *arguments]) == 2
    assert message in capfd.readouterr().err


Calls = list[tuple[Path, list[str], bool]]


@pytest.fixture
def trains(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], Calls]:
    """Stands in for training; notes what it was asked to do."""

    def ends_with(number: int | None) -> Calls:
        calls: Calls = []

        def train(file: tuple[Path, list[str]], resume: bool, **rest: object) -> Trained:
            calls.append((*file, resume))
            return Trained(Path("runs/first"), number is None, TrainState(), number)

        monkeypatch.setattr(run_files, "read_run", lambda path, overrides, folder, name: (path, overrides))
        monkeypatch.setattr(train_workflow, "train", train)
        return calls

    return ends_with


def test_minutes_and_precision_are_changes_to_the_run_file(
    run_file: str, trains: Callable[[int | None], Calls]
) -> None:
    calls = trains(None)
    tiny_model.write(Path("runs/first/model"))
    assert main(["train", "--minutes", "2.5", "first.toml", "--set", "seed=3", "--precision", "bf16"]) == 0
    budget = ["training.steps=none", "training.epochs=none", "training.minutes=2.5"]
    assert calls == [(Path("first.toml"), ["seed=3", *budget, "training.precision=bf16"], False)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(
    trains: Callable[[int | None], Calls], capfd: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    trains(number)
    assert main(["train", "first.toml"]) == code
    assert capfd.readouterr() == ("", "stopped; to continue: transduce train first.toml --resume\n")
    assert main(["train", "--resume", "my run.toml", "--set", 'tokenizer.kind="bpe"']) == code
    again = "transduce train 'my run.toml' --set 'tokenizer.kind=\"bpe\"' --resume"
    assert capfd.readouterr().err == f"stopped; to continue: {again}\n"


def test_a_finished_run_names_the_command_of_its_task(
    run_file: str, trains: Callable[[int | None], Calls], capfd: pytest.CaptureFixture[str]
) -> None:
    trains(None)
    for write, command in (
        (tiny_model.write, "translate"),
        (tiny_tasks.write_language_model, "generate"),
        (tiny_tasks.write_classifier, "predict"),
    ):
        write(Path("runs/first/model"))
        assert main(["train", "first.toml"]) == 0
        assert capfd.readouterr() == ("runs/first/model\n", f"done; try it: transduce {command} runs/first\n")
        shutil.rmtree("runs/first/model")


def test_keys_of_a_run_file_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--keys"])
    out = capfd.readouterr().out
    assert 'training.steps\n    stop after this many updates\n    a whole number or "none"; default: none\n' in out
    assert "\nmodel.preset\n" in out


def test_keys_that_begin_with_a_prefix_are_listed_once(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--keys", "training."])
    keys = [line for line in capfd.readouterr().out.splitlines() if not line.startswith(" ")]
    assert "training.steps" in keys and all(key.startswith("training.") for key in keys)
    assert len(set(keys)) == len(keys)
    assert main(["train", "--keys", "no-such"]) == 2
    assert "no key of a run file begins with 'no-such'; transduce train --keys lists all" in capfd.readouterr().err


def test_a_run_may_have_a_name_of_its_own(run_file: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is that of the run's folder, for --resume too; the paths of the run file stay relative to the file."""
    for name in ("", "..", "a/b"):
        assert main(["train", "first.toml", "--name", name]) == 2
        assert "must be the name of one folder, such as first-try" in capfd.readouterr().err
    assert main(["train", "first.toml", "--name", "second", "--resume"]) == 2
    assert "runs/second" in capfd.readouterr().err
    assert read_run(Path("first.toml"), name="second").path == Path("second.toml")


def test_a_run_that_did_not_wait_says_what_is_lost(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def train(*_: object, **__: object) -> Trained:
        raise train_workflow.Abandoned

    monkeypatch.setattr(run_files, "read_run", lambda *_: None)
    monkeypatch.setattr(train_workflow, "train", train)
    assert main(["train", "first.toml", "--minutes", "5"]) == 130
    again = "transduce train first.toml --minutes 5 --resume"
    expected = f"stopped at once; updates since the last checkpoint are lost; to continue: {again}\n"
    assert capfd.readouterr().err == expected


@pytest.mark.parametrize("arguments", [["info", "vit-mini"], ["train", "--keys", "training."]])
def test_tables_are_printed_without_pytorch(arguments: list[str]) -> None:
    """PyTorch takes seconds to load."""
    script = (
        "import sys\nfrom transduce.cli.main import main\n"
        "try:\n    code = main(sys.argv[1:])\nexcept SystemExit as end:\n    code = end.code\n"
        "assert not code and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, stdout=subprocess.DEVNULL)
