"""A model in use, through `transduce.load`."""

import math
from dataclasses import replace

import pytest
import torch

import tiny_model
import transduce
from transduce import models

LINES = ["eine Zeile", "b", "noch eine ganz andere Zeile, die länger ist", "", "Wörter", "b"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "model"
    tiny_model.write(folder)
    return transduce.load(folder)


def test_outputs_come_in_order_and_blank_lines_stay_blank(model):
    outputs = model.translate(LINES, beam_size=2)
    assert len(outputs) == len(LINES) and outputs[3] == "" and outputs[1] == outputs[5]


@pytest.mark.parametrize("beam", [1, 4])
def test_scores_do_not_depend_on_who_shares_the_batch(model, beam):
    """To 1e-5 in float32, for the same output."""
    together = model.translate_n_best(LINES, beam)
    for line, outputs in zip(LINES, together, strict=True):
        alone = model.translate_n_best([line], beam)[0][0]
        assert alone.text == outputs[0].text
        assert alone.log_probability == pytest.approx(outputs[0].log_probability, abs=1e-5)


def test_score_of_an_output_is_what_the_search_gave_it(model):
    """Teacher-forced scoring and step-by-step search see the same probabilities, where the search reached an end."""
    pairs, expected = [], []
    for line in LINES[:3]:
        for output in model.translate_n_best([line], 4, n_best=4)[0]:
            ids = model.tokenizers.target.encode(output.text)
            scored = model.score([(line, output.text)])[0]
            if len(scored.tokens) == len(ids) + 1 and output.score != 0:
                pairs.append((line, output.text))
                expected.append(scored.log_probability)
    batch = [scored.log_probability for scored in model.score(pairs)]
    assert batch == pytest.approx(expected, abs=1e-4)


def test_score_adds_up_and_names_its_tokens(model):
    for scored in model.score([("a", "b c"), ("long source line", "")]):
        assert scored.log_probability == pytest.approx(math.fsum(scored.tokens))
        assert len(scored.pieces) == len(scored.tokens) and scored.pieces[-1] == "</s>"
        assert all(value <= 0 for value in scored.tokens)


def test_scores_of_pairs_do_not_depend_on_their_order(model):
    pairs = [(line, line[::-1]) for line in LINES if line]
    forward, backward = model.score(pairs), model.score(pairs[::-1])
    for a, b in zip(forward, backward[::-1], strict=True):
        assert a.log_probability == pytest.approx(b.log_probability, abs=1e-4)


def test_n_best_is_sorted_and_different(model):
    outputs = model.translate_n_best(["eine Zeile"], beam_size=4, n_best=4)[0]
    scores = [output.score for output in outputs]
    assert scores == sorted(scores, reverse=True) and len(outputs) == 4


def test_a_beam_narrower_than_n_best_is_refused(model):
    with pytest.raises(ValueError, match="n-best must be at most beam"):
        model.translate_n_best(["x"], beam_size=2, n_best=3)


def test_the_network_is_a_module_in_evaluation_mode(model):
    assert isinstance(model.network, torch.nn.Module) and not model.network.training


def test_saving_what_was_loaded_gives_the_same_weights(model, tmp_path):
    weights = dict(model.network.named_parameters())
    models.save(tmp_path / "again", model.spec, weights, model.tokenizers, "# again\n")
    again = transduce.load(tmp_path / "again")
    for name, held in again.network.named_parameters():
        assert torch.equal(held, weights[name])
    assert again.translate(LINES) == model.translate(LINES)


def test_training_mode_is_refused(model):
    model.network.train()
    try:
        for use in (lambda: model.translate(["x"]), lambda: model.score([("x", "y")])):
            with pytest.raises(ValueError, match="training mode"):
                use()
    finally:
        model.network.eval()


def test_a_single_string_is_refused(model):
    with pytest.raises(ValueError, match=r"use \[line\]"):
        model.translate("abc")


def test_any_iterable_of_lines_and_pairs_will_do(model):
    assert model.translate(line for line in LINES[:2]) == model.translate(LINES[:2])
    assert len(model.score(zip(["a", "b"], ["c", "d"], strict=True))) == 2


@pytest.mark.parametrize("pairs", [["ab"], [("a",)], [("a", "b", "c")], [("a", 1)]])
def test_what_is_no_pair_is_refused(model, pairs):
    with pytest.raises((ValueError, TypeError)):
        model.score(pairs)


def test_score_cuts_what_translate_cuts(model):
    limit = model.spec.generation.max_source
    long, cut = model.score([("x " * limit, "y"), ("x " * 2 * limit, "y")])
    assert long.source_cut and cut.source_cut
    assert long.log_probability == pytest.approx(cut.log_probability, abs=1e-5)


def test_an_output_cut_at_the_limit_says_so(model, monkeypatch):
    short = replace(model.spec, generation=replace(model.spec.generation, max_length=2))
    monkeypatch.setattr(model, "spec", short)
    outputs = model.translate_n_best(["noch eine Zeile"], 1)[0]
    assert outputs[0].ended == (len(model.tokenizers.target.encode(outputs[0].text)) < 2)


def test_a_source_that_is_too_long_is_cut_with_a_warning(model):
    limit = model.spec.generation.max_source
    with pytest.warns(UserWarning, match=f"line 2 has more than {limit} tokens"):
        outputs = model.translate(["short", "x " * limit, "short"], beam_size=1)
    assert outputs[0] == outputs[2]
    assert model.translate_n_best(["x " * limit], 1)[0][0].source_cut
