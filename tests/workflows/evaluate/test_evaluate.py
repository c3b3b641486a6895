"""Evaluation: the figures are those of the metrics and of the model's own scores."""

import math
from pathlib import Path

import pytest
import sacrebleu
import torch

import tiny_model
from pairs import of_texts
from transduce.evaluation.metric import measure
from transduce.evaluation.metrics import METRICS, OF_NUMBERS, USUAL
from transduce.models.model import Model, load
from transduce.workflows.evaluate.run import evaluate, judge, write_translations
from transduce.workflows.predict.method import Method

SOURCES = ("bar", "dar kus", "mit dar bis kos", "nut")
REFERENCES = (("mit mit",), ("lot lot kus", "nus nus"), ("ler ler ler ler",), ("das",))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny"), shared=False), "cpu")


def test_metrics_compare_the_model_s_outputs_with_all_references(model: Model) -> None:
    found = evaluate(model, of_texts(SOURCES, REFERENCES), method=Method(model.decoding(beam=3)))
    assert found.translations == tuple(model.translate(SOURCES, beam=3))
    assert [score.name for score in found.scores] == [each.name for each in USUAL]
    streams = [[refs[0] for refs in REFERENCES], [refs[1] if len(refs) > 1 else None for refs in REFERENCES]]
    expected = sacrebleu.corpus_chrf(list(found.translations), streams).score  # type: ignore[arg-type]
    chrf = next(score for score in found.scores if score.name == "chrf")
    assert chrf.value == pytest.approx(expected)
    for score, interval in zip(found.scores, found.intervals, strict=True):
        assert interval is not None
        assert interval.low <= score.value <= interval.high
    assert found.sentences == 4
    assert found.cut == 0


def test_perplexity_is_of_the_first_references_one_token_after_the_other(model: Model) -> None:
    found = evaluate(model, of_texts(SOURCES, REFERENCES), metrics=["chrf"])
    total, tokens = 0.0, 0
    reader, writer = model.processors.tokenizer("source"), model.processors.tokenizer("target")
    for source, references in zip(SOURCES, REFERENCES, strict=True):
        ids = torch.tensor([[*reader.encode(source), reader.end]])
        target = [*writer.encode(references[0]), writer.end]
        for place, token in enumerate(target):
            prefix = torch.tensor([[writer.start, *target[:place]]])
            with torch.no_grad():
                hidden = model.network(ids, torch.tensor([ids.shape[1]]), prefix)
                logits = model.network.head.logits(hidden)[0, -1]
            total += float(logits.double().log_softmax(0)[token])
            tokens += 1
    assert found.units == tokens
    assert found.figures == {"perplexity": pytest.approx(math.exp(-total / tokens), rel=1e-5)}
    scored = model.score([(source, references[0]) for source, references in zip(SOURCES, REFERENCES, strict=True)])
    log_probability = math.fsum(each.log_probability for each in scored)
    assert found.figures["perplexity"] == pytest.approx(math.exp(-log_probability / tokens), rel=1e-5)


def test_translations_are_written_one_a_line(model: Model, tmp_path: Path) -> None:
    found = evaluate(model, of_texts(SOURCES, REFERENCES), metrics=["bleu"])
    write_translations(tmp_path / "out.txt", found)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "".join(f"{text}\n" for text in found.translations)


def test_long_sources_are_counted(model: Model) -> None:
    sources = (" ".join(tiny_model.WORDS[:60]), "bar")
    assert evaluate(model, of_texts(sources, REFERENCES[:2]), metrics=["chrf"]).cut == 1


@pytest.mark.parametrize(
    ("name", "message"), [("chr", "unknown metric 'chr'; did you mean 'chrf'?"), ("zzz", "known: bleu, chrf")]
)
def test_an_unknown_metric_is_refused_before_the_work(model: Model, name: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        evaluate(model, of_texts(SOURCES, REFERENCES), metrics=["bleu", name])
    assert message in str(error.value)


def test_perplexity_alone_translates_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = evaluate(model, of_texts(SOURCES, REFERENCES), metrics=["chrf", "perplexity"])
    assert [score.name for score in expected.scores] == ["chrf"]
    monkeypatch.setattr(Method, "outputs", None)
    found = evaluate(model, of_texts(SOURCES, REFERENCES), metrics=["perplexity"])
    assert (found.figures, found.scores, found.translations) == (expected.figures, (), ())


def test_outputs_are_judged_as_the_metrics_do_in_one_go() -> None:
    outputs, references = ["a b", "c"] * 130, [["a b c"], ["c"]] * 130
    metrics = [metric for metric in METRICS.values() if metric not in OF_NUMBERS]
    found = judge("these", outputs, references, metrics)
    assert found.scores == tuple(measure(metric, outputs, references) for metric in metrics)
    with pytest.raises(ValueError, match="found 2 for 1"):
        judge("these", ["a"], [["a"], ["b"]], [METRICS["chrf"]])
