"""A run that resumes needs no run file and no data files: its folder and the prepared data are enough."""

import logging
import shutil
from pathlib import Path

import pytest

import transduce
from toy import write_toy
from transduce.cli.main import main

SHORT = {"training.steps": 2, "training.validate-every": 2, "training.metric": "loss"}
LONGER = {"training.steps": 4}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two steps."""
    root = tmp_path_factory.mktemp("origin")
    assert transduce.train(write_toy(root), settings=SHORT, root=root).finished
    return root


@pytest.fixture
def root(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the current folder."""
    monkeypatch.chdir(shutil.copytree(origin, tmp_path / "root"))
    return Path(".")


@pytest.mark.parametrize("gone", [["toy.toml"], ["train.tsv"], ["toy.toml", "train.tsv", "dev.tsv"]])
def test_a_run_resumes_without_its_run_file_or_data(
    root: Path, gone: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    for name in gone:
        (root / name).unlink()
    run = None if "toy.toml" in gone else "toy.toml"
    settings = LONGER if run is None else SHORT | LONGER
    with caplog.at_level(logging.INFO):
        trained = transduce.train(run, settings=settings, name="toy", resume=True)
    assert trained.finished and trained.state.step == 4
    assert ("train.tsv: no such file; the run goes on with the data in prepared/" in caplog.text) == (
        gone != ["toy.toml"]
    )


def test_the_result_is_that_of_a_run_whose_files_are_there(root: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    for name in ("toy.toml", "train.tsv", "dev.tsv"):
        (root / name).unlink()
    transduce.train(settings=LONGER, name="toy", resume=True)
    transduce.train(other / "toy.toml", settings=SHORT | LONGER, resume=True, root=other)
    weights = Path("runs/toy/checkpoints/step-00000004/weights.safetensors")
    assert weights.read_bytes() == (other / weights).read_bytes()


def test_data_that_has_changed_is_refused_as_long_as_it_is_there(root: Path) -> None:
    (root / "train.tsv").unlink()
    with (root / "dev.tsv").open("a") as file:
        file.write("abc\tc b a\n")
    with pytest.raises(ValueError, match=r"^dev.tsv: has changed since the run began, and train.tsv is gone: put"):
        transduce.train("toy.toml", settings=SHORT | LONGER, resume=True)


def test_without_prepared_data_the_message_names_its_folder(root: Path) -> None:
    (root / "train.tsv").unlink()
    (prepared,) = (root / "prepared").iterdir()
    shutil.rmtree(prepared)
    with pytest.raises(
        ValueError, match=rf"^train.tsv: no such file, and .*\({prepared}: no such folder\): put the file"
    ):
        transduce.train("toy.toml", settings=SHORT | LONGER, resume=True)


def test_the_command_takes_the_name_of_the_run_alone(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "toy.toml").unlink()
    advice = "leave the file out, and name the run (--resume --name toy, or"
    assert main(["train", "toy.toml", "--resume"]) == 2
    assert f"toy.toml: no such file; runs/toy has the settings of the run: {advice}" in capfd.readouterr().err
    assert main(["train", "runs/toy/run.toml", "--resume"]) == 2
    assert advice in capfd.readouterr().err
    assert main(["train", "--resume"]) == 2
    assert "name a run file; only a run that resumes by its name" in capfd.readouterr().err
    assert main(["train", "--resume", "--name", "typo"]) == 2
    assert "runs/typo holds no run to resume" in capfd.readouterr().err
    assert main(["train", "--resume", "--name", "toy", "--set", "training.steps=3", "--device", "cpu"]) == 0
    assert capfd.readouterr().out == "runs/toy/model\n"


def test_python_names_what_a_run_without_a_file_lacks(root: Path) -> None:
    with pytest.raises(ValueError, match="run must be a run file or a dict; only a run that resumes by its name"):
        transduce.train(name="toy")
    with pytest.raises(ValueError, match=r"^settings: unknown key 'training.step'"):
        transduce.train(settings={"training.step": 5}, name="toy", resume=True)
