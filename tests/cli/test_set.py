"""`transduce set`: a change holds in every later use, and the folder stays whole."""

from dataclasses import replace
from pathlib import Path

import pytest

import tiny_model
import tiny_tasks
import transduce
from transduce.cli.main import main
from transduce.models.folder import ModelConfig, save
from transduce.networks.presets import convolutional_tiny
from transduce.networks.tensors import tensors_of
from transduce.tasks.translation import TRANSLATION


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with a model."""
    run = tmp_path_factory.mktemp("runs") / "mine"
    tiny_model.write(run / "model")
    (run / "run.toml").touch()
    return run


def test_a_change_holds_and_is_printed(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in (run / "model").iterdir()}
    assert main(["set", str(run), "beam=8", "alpha=0.8", "beam=3"]) == 0
    assert capfd.readouterr() == ("beam = 3\nalpha = 0.8\n", "")
    generation = transduce.load(run, "cpu").generation
    assert (generation.beam, generation.alpha, generation.max_source) == (3, 0.8, tiny_model.MAX_SOURCE)
    after = {path.name: path.read_bytes() for path in (run / "model").iterdir()}
    assert [name for name in before if before[name] != after.pop(name)] == ["generation.toml"] and not after
    assert main(["set", str(run / "model"), "sampling.top-p=0.9"]) == 0
    assert capfd.readouterr().out == "sampling.top-p = 0.9\n"
    assert main(["set", str(run / "model"), "sampling=none"]) == 0
    assert capfd.readouterr().out == "sampling = none\n"


def test_settings_are_listed_with_meaning_range_and_default(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (run / "model" / "generation.toml").write_text("sampling = { top-p = 0.5 }\n")
    assert main(["set", str(run)]) == 0
    out = capfd.readouterr().out
    assert out.startswith(
        "beam = 4\n    hypotheses kept open per sentence; 1 is greedy search\n    a whole number, 1 to 1,000; def"
    )
    assert "\nsampling.top-p = 0.5\n" in out and "    a number, above 0 and at most 1; default: 1.0\n" in out
    assert main(["set", str(run), "sampling.seed=2"]) == 0
    assert capfd.readouterr() == ("sampling.seed = 2\n", "")


def test_comments_that_a_change_loses_are_told(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = run / "model" / "generation.toml"
    path.write_text("sampling = { top-p = 0.5 }  # mine\n")
    assert main(["set", str(run), "sampling.seed=2"]) == 0
    assert capfd.readouterr().err == f"warning: {path}: its comments are gone, as the file had to be written anew\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["beem=8"], "unknown key 'beem'; did you mean 'beam'?"),
        (["beam=0"], "beam must be 1 to 1,000, found 0"),
        (["8"], "expected KEY=VALUE, such as beam=8, found '8'"),
        (["--beam", "8"], "unknown option --beam; see transduce set --help"),
    ],
)
def test_mistakes(run: Path, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["set", str(run), *arguments]) == 2
    assert capfd.readouterr() == ("", f"transduce: error: {message}\n")


def test_models_without_settings_of_decoding(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tiny_tasks.write_classifier(tmp_path / "classifier")
    for arguments in ([], ["beam=2"]):
        assert main(["set", str(folder), *arguments]) == 2
        assert "is a model for classification, which generates no text" in capfd.readouterr().err
    assert not (folder / "generation.toml").exists()


def test_a_lower_limit_of_the_network_is_told(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tiny = transduce.load(run, "cpu")
    network = replace(convolutional_tiny(), d_model=8, places=6)
    weights = tensors_of(TRANSLATION.network(network, tiny.processors))
    save(tmp_path / "m", ModelConfig(TRANSLATION, network), weights, tiny.processors, tiny.generation, "")
    assert main(["set", str(tmp_path / "m"), "max-source=30", "max-length=5"]) == 0
    told = "max-source = 30 is more than the network can do: 6 holds\n"
    assert capfd.readouterr() == ("max-length = 5\nmax-source = 30\n", told)
    assert transduce.load(tmp_path / "m", "cpu").generation.max_source == 6


def test_settings_of_sources_are_not_listed_for_a_language_model(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_tasks.write_language_model(tmp_path / "lm")
    assert main(["set", str(folder)]) == 0
    out = capfd.readouterr().out
    assert "\nmax-length = 10\n" in out and "max-ratio =" not in out and "max-source =" not in out
