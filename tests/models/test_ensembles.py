"""Ensembles of model folders: the mean of probabilities, and vocabularies that must be the same."""

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tiny_model
import transduce
from transduce.data.processors import Processors
from transduce.models import folder as model_folder
from transduce.models.ensemble import EnsembleModel, open_models
from transduce.models.model import Model, load
from transduce.networks.tensors import tensors_of
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train

LINES = ["bar", "", "dar kus", "mit dar bis kos"]
PAIRS = [("bar", "das kus"), ("mit dar", ""), ("nut", "bar bas")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("ensemble") / "one")


@pytest.fixture(scope="module")
def other(folder: Path) -> Path:
    """The same vocabulary, other weights."""
    loaded = model_folder.load_folder(folder)
    torch.manual_seed(5)
    weights = {name: weight + 0.05 * torch.randn_like(weight) for name, weight in tensors_of(loaded.network).items()}
    generation = replace(loaded.generation, max_source=20)
    model_folder.save(folder.with_name("two"), loaded.config, weights, loaded.processors, generation, "# two\n")
    return folder.with_name("two")


def other_vocabulary(folder: Path, place: Path, words: list[str], **settings: object) -> Path:
    model = model_folder.load_folder(folder)
    config = TokenizerConfig(kind="words", vocabulary=400, shared=True, **settings)
    tokenizer = train(words, config.side("source"), config)
    processors = Processors({"source": tokenizer, "target": tokenizer})
    weights = tensors_of(model.config.task.network(model.config.network, processors))
    model_folder.save(place, model.config, weights, processors, model.generation, "# other\n")
    return place


def test_one_model_is_no_ensemble(folder: Path) -> None:
    assert type(open_models([folder], "cpu")) is Model


def test_a_model_with_itself_is_that_model(folder: Path) -> None:
    alone, twice = load(folder, "cpu"), open_models([folder, folder], "cpu")
    assert twice.translate(LINES) == alone.translate(LINES)
    for one, two in zip(alone.score(PAIRS), twice.score(PAIRS), strict=True):
        assert two.tokens == pytest.approx(one.tokens, abs=1e-6)


def test_scores_are_the_logarithm_of_the_mean_probability(folder: Path, other: Path) -> None:
    together = open_models([folder, other], "cpu")
    by_model = [load(each, "cpu").score(PAIRS) for each in (folder, other)]
    assert [each.tokens for each in by_model[0]] != [each.tokens for each in by_model[1]]
    for scored, *apart in zip(together.score(PAIRS), *by_model, strict=True):
        expected = [math.log((math.exp(a) + math.exp(b)) / 2) for a, b in zip(*(x.tokens for x in apart), strict=True)]
        assert scored.tokens == pytest.approx(expected, abs=1e-6)


def test_outputs_are_found_by_the_mean_probability(folder: Path, other: Path) -> None:
    together = open_models([folder, other], "cpu")
    for line, outputs in zip(LINES, together.translate_n_best(LINES, beam=3, n_best=3), strict=True):
        for output in outputs if line else []:
            scored = together.score([(line, output.text)])[0]
            tokens = output.token_log_probabilities
            assert scored.tokens[: len(tokens)] == pytest.approx(tokens, abs=1e-5)


def test_the_shortest_longest_source_holds(folder: Path, other: Path) -> None:
    together = open_models([folder, other], "cpu")
    assert together.generation.max_source == 20
    assert together.translate_n_best(["bar " * 30])[0][0].source_cut
    assert together.name == f"{folder} + {other}"


def test_different_vocabularies_are_refused(folder: Path, tmp_path: Path) -> None:
    fewer = other_vocabulary(folder, tmp_path / "fewer", tiny_model.WORDS[:50])
    sizes = r"\(words, \d+ pieces; words, \d+ pieces\)"
    with pytest.raises(ValueError, match=f"^{folder} and {fewer} have different source vocabularies {sizes}, so they"):
        open_models([folder, fewer], "cpu")
    renamed = other_vocabulary(folder, tmp_path / "renamed", [word.upper() for word in tiny_model.WORDS])
    with pytest.raises(ValueError, match=r"piece \d+ is '\w+' in one and '\w+' in the other"):
        open_models([folder, renamed], "cpu")
    lowered = other_vocabulary(folder, tmp_path / "lowered", tiny_model.WORDS, lowercase=True)
    with pytest.raises(ValueError, match="the same pieces, but other scores, merges or normalisation"):
        open_models([folder, lowered], "cpu")


def test_a_folder_that_is_none_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'none'}: no such model folder")):
        open_models([folder, tmp_path / "none"], "cpu")
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=re.escape(str(broken))):
        open_models([folder, broken], "cpu")


def test_load_takes_one_path_or_several(folder: Path, other: Path) -> None:
    together = transduce.load([folder, str(other)], "cpu")
    assert together.translate(LINES) == open_models([folder, other], "cpu").translate(LINES)
    assert type(transduce.load(str(folder), "cpu")) is type(transduce.load([folder], "cpu")) is Model
    with pytest.raises(ValueError, match="there is no model to load"):
        transduce.load([])


def test_an_ensemble_of_loaded_models(folder: Path) -> None:
    assert EnsembleModel([load(folder, "cpu")]).translate(LINES) == load(folder, "cpu").translate(LINES)
