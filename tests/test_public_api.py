"""`import transduce`: quick, and all that a program needs to prepare, train, load, evaluate and predict."""

import subprocess
import sys
from pathlib import Path

import pytest

import transduce
from toy import write_toy

SHORT = {"training.steps": 4, "training.validate-every": 2, "training.metric": "loss"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def run_folder(root: Path) -> Path:
    trained = transduce.train(write_toy(root), settings=SHORT, root=root)
    assert trained.finished and trained.folder == root / "runs/toy"
    return trained.folder


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, transduce; print({'torch', 'numpy', 'tqdm', 'logging'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_every_public_function_is_documented_with_an_example() -> None:
    for name in transduce.__all__:
        if name != "__version__":
            assert ">>>" in getattr(transduce, name).__doc__, name


def test_prepare_shares_its_folder_with_train(root: Path, run_folder: Path) -> None:
    prepared = transduce.prepare(root / "toy.toml", settings=SHORT, root=root)
    assert prepared.reused and prepared.folder.parent == root / "prepared"


def test_a_run_resumes_with_a_longer_budget(root: Path, run_folder: Path) -> None:
    trained = transduce.train(root / "toy.toml", settings={**SHORT, "training.steps": 6}, resume=True, root=root)
    assert trained.finished and trained.state.step == 6


def test_a_run_may_be_a_dict(root: Path, tmp_path: Path) -> None:
    write_toy(tmp_path)
    run = {
        "data": {"train": ({"file": tmp_path / "train.tsv"},), "dev": {"file": tmp_path / "dev.tsv"}},
        "model": {"preset": "transformer-tiny"},
    }
    trained = transduce.train(run, settings=SHORT | {"training.early-stop": None}, name="v1.2", root=tmp_path)
    assert trained.folder == tmp_path / "runs/v1.2" and (trained.folder / "model").is_dir()
    with pytest.raises(ValueError, match="given as a dict needs a name"):
        transduce.train(run, root=tmp_path)
    with pytest.raises(ValueError, match=r"^v2\.toml: unknown key 'modle'; did you mean 'model'"):
        transduce.train({**run, "modle": {}}, name="v2", root=tmp_path)
    with pytest.raises(ValueError, match=r"^settings: unknown key 'training.step'; did you mean 'training.steps'"):
        transduce.train(run, settings={"training.step": 5}, name="v2", root=tmp_path)
    assert not (tmp_path / "runs/v2").exists()


def test_predictions_are_those_of_the_model(run_folder: Path) -> None:
    model = transduce.load(run_folder)
    texts = [each.text for each in transduce.predict(model, ["abc", {"source": "gfe"}], beam=2)]
    assert texts == model.translate(["abc", "gfe"], beam=2)
    assert [each.text for each in transduce.predict(str(run_folder), ["abc", "gfe"], beam=2)] == texts
    with pytest.raises(ValueError, match="record 2 needs a text under 'source', found the keys 'text'"):
        transduce.predict(model, ["abc", {"text": "gfe"}])


def test_an_evaluation_reads_files_and_records(root: Path, run_folder: Path) -> None:
    from_file = transduce.evaluate(run_folder, root / "dev.tsv", metrics=["chrf", "exact-match"], beam=1)
    pairs = [line.split("\t") for line in (root / "dev.tsv").read_text().splitlines()]
    records = [{"source": source, "target": target} for source, target in pairs]
    model = transduce.load(run_folder)
    assert transduce.evaluate(model, records, metrics=["chrf", "exact-match"], beam=1).values == from_file.values
    assert from_file.values.keys() >= {"chrf", "exact-match", "perplexity"}
    outputs = [each.text for each in transduce.predict(model, records, beam=1)]
    answers = [{"source": each["source"], "target": ["zzz", text]} for each, text in zip(records, outputs, strict=True)]
    assert transduce.evaluate(model, answers, metrics=["exact-match"], beam=1).values["exact-match"] == 100.0
    with pytest.raises(ValueError, match="record 1 needs a text, or a list of texts, under 'target', found None"):
        transduce.evaluate(model, [{"source": "abc"}])
