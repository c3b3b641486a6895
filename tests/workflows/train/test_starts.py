"""Starts of another task or with other labels, and what a run still needs of its start when it resumes."""

import logging
import shutil
from pathlib import Path

import pytest
import torch

import transduce
from toy import write_toy
from transduce.attention.mechanisms.additive import AdditiveAttention
from transduce.attention.mechanisms.top_k import TopKAttention

SHORT = {"training.steps": 2, "training.metric": "loss", "training.learning-rate": 1e-12, "seed": 3}
LETTERS = [a + b + c for a in "abcdefg" for b in "abcdefg" for c in "abc"]


def own_vocabularies(folder: Path, target: dict[str, object]) -> Path:
    """The run folder of a translation model whose decoder has two layers: letters to the same in capitals and reversed."""
    write_toy(folder)
    between = " " if target["kind"] == "words" else ""
    for name in ("train", "dev"):
        words = [line.split("\t")[0] for line in (folder / f"{name}.tsv").read_text().splitlines()]
        (folder / f"{name}.tsv").write_text("".join(f"{word}\t{between.join(word[::-1].upper())}\n" for word in words))
    settings = {**SHORT, "tokenizer.target": target, "model.decoder-layers": 2}
    return transduce.train(folder / "toy.toml", settings=settings, root=folder).folder


def other_task(folder: Path, start: Path, task: str, rows: list[str]) -> Path:
    suffix = "txt" if task == "language-model" else "tsv"
    (folder / f"{task}.{suffix}").write_text("".join(f"{row}\n" for row in rows))
    (folder / f"{task}.toml").write_text(
        f'task = "{task}"\nstart-from = "{start}"\ndata = {{ train = [{{ file = "{task}.{suffix}" }}], split = {{ dev = 20 }} }}\n'
    )
    return transduce.train(folder / f"{task}.toml", settings=SHORT, root=folder).folder


@pytest.mark.parametrize("words", [False, True])
def test_a_language_model_takes_the_target_side_and_a_classifier_the_source_side(tmp_path: Path, words: bool) -> None:
    run = own_vocabularies(tmp_path, {"kind": "words" if words else "characters", "vocabulary": 30 if words else 300})
    start = transduce.load(run)
    assert (start.processors["source"].size == start.processors["target"].size) is not words
    texts = [" ".join(each).upper() for each in LETTERS]
    plays = transduce.load(other_task(tmp_path, run, "language-model", texts))
    assert plays.processors["text"].sha256() == start.processors["target"].sha256()
    close(plays.network.embedding.weight, start.network.target_embedding.weight)
    assert plays.config.network.layers == 2
    close(plays.network.decoder.norm.weight, start.network.decoder.norm.weight)
    labels = transduce.load(
        other_task(tmp_path, run, "classification", [f"{each}\t{each[0] > 'c'}" for each in LETTERS])
    )
    assert labels.processors["text"].sha256() == start.processors["source"].sha256()
    close(labels.network.embedding.weight, start.network.source_embedding.weight)
    assert labels.config.network.layers == 1


def test_the_attention_goes_with_the_layers(tmp_path: Path) -> None:
    write_toy(tmp_path)
    attention = {"model.encoder.attention": "additive", "model.decoder.attention": "top-k"}
    run = transduce.train(tmp_path / "toy.toml", settings={**SHORT, **attention}, root=tmp_path).folder
    plays = transduce.load(other_task(tmp_path, run, "language-model", [" ".join(each).upper() for each in LETTERS]))
    assert plays.config.network.decoder.attention == TopKAttention()
    rows = [f"{each}\t{each[0] > 'c'}" for each in LETTERS]
    labels = transduce.load(other_task(tmp_path, run, "classification", rows))
    assert labels.config.network.encoder.attention == AdditiveAttention()
    score = transduce.load(run).network.encoder.layers[0].self_attention.score
    close(labels.network.encoder.layers[0].self_attention.score.from_key.weight, score.from_key.weight)


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0.0)


CLASSIFIER = """task = "classification"
data = { train = [{ file = "letters.tsv" }], split = { dev = 20 } }
"""


def letters(folder: Path, labels: str, start: str = "") -> Path:
    """Texts whose label is one of `labels`, by their first letter."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{each}\t{labels['abcdefg'.index(each[0]) % len(labels)]}\n" for each in LETTERS]
    (folder / "letters.tsv").write_text("".join(rows))
    small = "model = { d-model = 16, heads = 2, feed-forward = 24, layers = 1 }\ntokenizer = { kind = 'characters' }\n"
    (folder / "run.toml").write_text((f'start-from = "{start}"\n' if start else small) + CLASSIFIER)
    return folder / "run.toml"


def test_a_classifier_keeps_the_head_of_the_same_labels_and_learns_others_anew(tmp_path: Path, caplog) -> None:  # type: ignore[no-untyped-def]
    caplog.set_level(logging.INFO, "transduce")
    first = transduce.train(letters(tmp_path / "first", "xyz"), settings=SHORT, root=tmp_path / "first").folder
    start = transduce.load(first)
    for labels, kept in (("zyx", True), ("xyw", False), ("xy", False), ("wxyz", False)):
        folder = tmp_path / labels
        caplog.clear()
        run = transduce.train(letters(folder, labels, str(first)), settings={**SHORT, "seed": 4}, root=folder).folder
        model = transduce.load(run)
        assert model.processors.labels("label").names == tuple(sorted(labels))
        assert "Started from the model run." in (run / "model/README.md").read_text()
        assert ("the head is new" in caplog.text) is not kept
        close(model.network.embedding.weight, start.network.embedding.weight)
        if len(labels) == 3:
            same = torch.allclose(model.network.head.classes.weight, start.network.head.classes.weight, atol=1e-6)
            assert same is kept
    with pytest.raises(ValueError, match="has one class only, 'x'"):
        transduce.train(letters(tmp_path / "one", "x", str(first)), settings=SHORT, root=tmp_path)


@pytest.mark.parametrize("labels", ["xyz", "vw"])
def test_a_run_resumes_when_its_start_is_gone(tmp_path: Path, labels: str) -> None:
    first = transduce.train(letters(tmp_path / "first", "xyz"), settings=SHORT, root=tmp_path / "first").folder
    weights = []
    for name, steps in (("once", [4]), ("twice", [2, 4])):
        run = letters(tmp_path / name, labels, str(first))
        for each in steps:
            settings = {
                **SHORT,
                "training.learning-rate": 0.01,
                "training.schedule": "constant",
                "training.steps": each,
            }
            resume = each == 4 and name == "twice"
            if resume:
                shutil.rmtree(first)
            trained = transduce.train(run, settings=settings, root=tmp_path / name, resume=resume)
        weights.append((trained.folder / "checkpoints/step-00000004/weights.safetensors").read_bytes())
    assert weights[0] == weights[1]
    with pytest.raises(ValueError, match="no such model folder"):
        transduce.train(run, settings=SHORT, root=tmp_path / "anew")


@pytest.mark.parametrize("settings", [{}, {"training.ema": 0.5}, {"training.average-last": 2}])
def test_a_model_folder_that_is_gone_is_made_again(tmp_path: Path, settings: dict[str, float], caplog) -> None:  # type: ignore[no-untyped-def]
    settings = {**SHORT, "training.learning-rate": 0.01, "training.validate-every": 1, "training.steps": 3, **settings}
    run = letters(tmp_path, "xyz")
    folder = transduce.train(run, settings=settings, root=tmp_path).folder
    before = (folder / "model/model.safetensors").read_bytes()
    mean = "mean of the last" in (folder / "model/README.md").read_text()
    shutil.rmtree(folder / "model")
    assert transduce.train(run, settings=settings, root=tmp_path, resume=True).finished
    assert mean or (folder / "model/model.safetensors").read_bytes() == before
    assert mean == ("a mean of weights cannot be made again" in caplog.text)
    transduce.load(folder)


def test_a_run_is_named_as_one_folder(tmp_path: Path) -> None:
    for name in ("..", ".", "", "a/b", "a\\b", "/a"):
        with pytest.raises(ValueError, match=r"^name must be that of one folder"):
            transduce.train({"data": {}}, name=name, root=tmp_path)
        with pytest.raises(ValueError, match=r"^name must be that of one folder"):
            transduce.train(letters(tmp_path, "xyz"), name=name, root=tmp_path)
