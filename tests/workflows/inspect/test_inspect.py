"""Inspections: what they say agrees with the model's own scores and searches, in any script, and bad input is named."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from babble import babble
from transduce.models.ensemble import EnsembleModel
from transduce.models.model import Model
from transduce.tasks import translation
from transduce.workflows.inspect.run import MOST_TOKENS, Inspection, inspect
from transduce.workflows.inspect.tables import as_text, shares

LINES = ["der Hund und die Katze", "那只大狗 看见 了猫", "القطة الكبيرة نامت", "बड़ा कुत्ता सोया", "I ❤ 🐱 and 👩🏽‍🚀"]


@pytest.fixture(scope="module")
def model() -> Model:
    return babble(LINES, tags=["de", "formal"])


@pytest.fixture(scope="module")
def found(model: Model) -> Inspection:
    return inspect(model, "der Hund", "die Katze 猫", tags=["formal", "de"], top=3)


def test_tokens_and_shapes(model: Model, found: Inspection) -> None:
    source, target = model.processors.tokenizer("source"), model.processors.tokenizer("target")
    assert found.source_pieces[:2] == ("<tag:formal>", "<tag:de>") and found.source_pieces[-1] == "</s>"
    assert list(found.source_pieces[2:-1]) == source.pieces(source.encode("der Hund"))
    from_caller = target.pieces(target.encode("die Katze 猫"))
    assert list(found.input_pieces) == ["<s>", *from_caller]
    assert [step.token.piece for step in found.steps] == [*from_caller, "</s>"]
    s, t = len(found.source_pieces), len(found.steps)
    assert found.encoder.shape == (3, 4, s, s) and found.decoder.shape == (2, 4, t, t)
    assert found.attention.shape == (2, 4, t, s) and found.saliency.shape == (t, s)
    for weights in (found.encoder, found.decoder, found.attention):
        np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-5)
    assert (np.triu(found.decoder, 1) == 0).all()
    assert (found.saliency > 0).all()


def test_probabilities_are_those_of_the_score(model: Model, found: Inspection) -> None:
    (scored,) = model.score([("der Hund", "die Katze 猫")], tags=[("formal", "de")])
    assert [step.token.piece for step in found.steps] == list(scored.pieces)
    np.testing.assert_allclose(np.log([step.token.probability for step in found.steps]), scored.tokens, atol=1e-5)
    assert found.log_probability == pytest.approx(scored.log_probability, abs=1e-4)


def test_alternatives_are_the_most_probable_tokens(model: Model, found: Inspection) -> None:
    ids = model.processors.tokenizer("target").encode("die Katze 猫")
    (source,), _ = translation.source_rows(model, ["der Hund"], [("formal", "de")])
    batch = translation.pair_batch([source], [ids], model.processors)
    with torch.no_grad():
        hidden = model.network(batch.source, batch.lengths, batch.target_in)
        probabilities = model.network.head.logits(hidden)[0].softmax(-1)
    for step, row, taken in zip(found.steps, probabilities, [*ids, 3], strict=True):
        order = row.argsort(descending=True).tolist()
        assert [choice.id for choice in step.choices] == order[:3]
        assert step.token.id == taken and step.rank == order.index(taken) + 1
        assert [choice.probability for choice in step.choices] == pytest.approx(row[order[:3]].tolist(), abs=1e-6)
        assert [choice.piece for choice in step.choices] == model.processors.tokenizer("target").pieces(order[:3])


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("beam", [None, 1])
def test_without_a_target_it_is_the_output_of_the_search(model: Model, text: str, beam: int | None) -> None:
    seen = inspect(model, text, beam=beam)
    (output,) = model.translate([text], **({} if beam is None else {"beam": beam}))
    assert seen.output == output and not seen.from_caller
    if beam == 1:
        writer = model.processors.tokenizer("target")
        outside = {*writer.special, *writer.spelling_ids()}  # these, and pieces within a character, may be forbidden
        free = [step for step in seen.steps[:-1] if outside.isdisjoint((step.choices[0].id, step.token.id))]
        assert all(step.rank == 1 for step in free)
    assert inspect(model, text, output).from_caller


def test_an_output_that_was_cut_is_said_to_be(model: Model, found: Inspection) -> None:
    ended = [inspect(model, text).ended for text in LINES]
    assert ended == [outputs[0].ended for outputs in model.translate_n_best(LINES)] and not all(ended)
    assert found.ended and "cut at the longest output allowed" not in as_text(found)
    assert "cut at the longest output allowed" in as_text(replace(found, from_caller=False, ended=False))


def test_top_is_at_most_the_vocabulary(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.workflows.inspect.run.MOST_TOP", 10_000)
    seen = inspect(model, "Hund", "Katze", top=10_000)
    assert {len(step.choices) for step in seen.steps} == {model.processors.tokenizer("target").size}


def test_long_sources() -> None:
    short = babble(LINES, max_source=6)
    seen = inspect(short, " ".join(LINES[0].split() * 3))
    assert seen.cut and len(seen.source_pieces) == 6
    long = babble(LINES, max_source=1000)
    with pytest.raises(ValueError, match=f"^the text has .* tokens, at most {MOST_TOKENS} can be shown"):
        inspect(long, "Hund " * 300)
    with pytest.raises(ValueError, match=r"^the target has \d+ tokens"):
        inspect(long, "Hund", "Hund " * 270)
    assert inspect(long, "Hund", "").steps[0].token.piece == "</s>"


def test_mistakes_are_named(model: Model) -> None:
    with pytest.raises(ValueError, match="the text is blank"):
        inspect(model, " \u3000")
    with pytest.raises(ValueError, match="top must be 1 to 100, found 0"):
        inspect(model, "Hund", top=0)
    with pytest.raises(ValueError, match="unknown tag 'fr'"):
        inspect(model, "Hund", tags=["fr"])
    with pytest.raises(ValueError, match="beam must be 1 to"):
        inspect(model, "Hund", beam=0)
    with pytest.raises(ValueError, match="lone surrogate"):
        inspect(model, "a\ud800")
    with pytest.raises(ValueError, match="an ensemble; look into one of its models"):
        inspect(EnsembleModel([model, model]), "Hund")


def test_shares() -> None:
    values = np.array([[1.0, 3.0], [0.0, 0.0]])
    assert shares(values).tolist() == [[0.25, 0.75], [0.0, 0.0]]


def test_text_tables(found: Inspection) -> None:
    text = as_text(found)
    tokens, alternatives, saliency, attention = text.split("\n\n")
    assert "<tag:formal> <tag:de>" in tokens and "given, log-probability -" in tokens
    rows = alternatives.splitlines()[2:]
    assert len(rows) == len(found.steps)
    for number, (row, step) in enumerate(zip(rows, found.steps, strict=True), 1):
        assert row.split()[:4] == [str(number), step.token.piece, f"{step.token.probability:.3f}", f"{step.rank:,}"]
    for table, values in ((saliency, shares(found.saliency)), (attention, found.attention.mean((0, 1)))):
        for row, weights in zip(table.splitlines()[2:], values, strict=True):
            assert float(row.split()[3]) == pytest.approx(weights.max(), abs=0.006)


def test_nothing_in_a_text_acts_on_a_terminal() -> None:
    strange = babble(["\x1b[31mred \u202eright\u00a0left"] * 3, kind="words")
    text = as_text(inspect(strange, "\x1b[31mred", "\u202eright"))
    assert "\x1b" not in text and "\u202e" not in text and "[U+001B][31mred" in text


def test_the_columns_of_a_table_stand_below_each_other(model: Model) -> None:
    text = as_text(inspect(model, LINES[1], LINES[1]))
    assert all(line == line.rstrip() for line in text.splitlines())
    assert {field.name for field in fields(Inspection)} >= {"attention", "saliency", "steps"}
