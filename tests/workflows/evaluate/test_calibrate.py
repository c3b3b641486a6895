"""Calibration of a model, against probabilities computed one token after the other."""

import pytest
import torch

import tiny_model
from pairs import of_texts
from transduce.evaluation.calibration import calibrate
from transduce.models.model import Model, load
from transduce.workflows.evaluate.calibrate import calibration

HELD_OUT = of_texts(("bar dar", "kus", "mit dar bis kos"), (("dar bar",), ("kus", "kos"), ("kos bis dar mit",)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny")), "cpu")


def test_first_choices_of_every_reference_token(model: Model) -> None:
    sure, right = [], []
    reader, writer = model.processors.tokenizer("source"), model.processors.tokenizer("target")
    for source, (target, *_) in zip(HELD_OUT.sources, HELD_OUT.references, strict=True):
        ids = torch.tensor([[*reader.encode(source), reader.end]])
        tokens = [*writer.encode(target), writer.end]
        for place, token in enumerate(tokens):
            with torch.no_grad():
                prefix = torch.tensor([[writer.start, *tokens[:place]]])
                hidden = model.network(ids, torch.tensor([ids.shape[1]]), prefix)
                logits = model.network.head.logits(hidden)[0, -1]
            confidence, choice = logits.softmax(0).max(0)
            sure.append(float(confidence))
            right.append(int(choice) == token)
    expected = calibrate(torch.tensor(sure, dtype=torch.float64).numpy(), torch.tensor(right).numpy())
    found = calibration(model, HELD_OUT)
    assert found.tokens == expected.tokens == len(sure)
    assert found.expected_error == pytest.approx(expected.expected_error, rel=1e-4)
    assert found.accuracy == pytest.approx(expected.accuracy)


def test_batches_change_nothing_and_long_sources_are_cut(model: Model) -> None:
    one_by_one = calibration(model, HELD_OUT, batch_tokens=1)
    assert one_by_one.expected_error == pytest.approx(calibration(model, HELD_OUT).expected_error, rel=1e-4)
    long = of_texts(("bar " * 60, *HELD_OUT.sources[1:]), HELD_OUT.references)
    assert calibration(model, long).tokens == one_by_one.tokens


def test_unknown_tags_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="unknown tag 'de'"):
        calibration(model, HELD_OUT.with_tags(("de",)))


def test_training_mode_is_refused(model: Model) -> None:
    model.network.train()
    try:
        with pytest.raises(ValueError, match="training mode"):
            calibration(model, HELD_OUT)
    finally:
        model.network.eval()
