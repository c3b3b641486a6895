"""What a model refuses: damaged weights, training mode, settings and records that cannot be; own tasks that it takes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_model
import tiny_tasks
import transduce
from transduce.data.columns import Column, Label, Text
from transduce.data.records import Record
from transduce.decoding.strategies.sampling import Sampling
from transduce.models.ensemble import EnsembleModel
from transduce.models.model import Model
from transduce.tasks.classification import Classification, LabelPrediction
from transduce.tasks.language_model import LanguageModel
from transduce.tasks.outputs import Output, in_order
from transduce.tasks.translation import Translation
from transduce.workflows.align.run import align
from transduce.workflows.evaluate.run import evaluate
from transduce.workflows.evaluate.test_set import held_out

TEXTS = ["bar dar", "nut", "mit dar bis kos"]
WRITERS = {
    "translation": tiny_model.write,
    "language-model": tiny_tasks.write_language_model,
    "classification": tiny_tasks.write_classifier,
}
RECORDS: Mapping[str, list[dict[str, Any]]] = {
    "translation": [{"source": text, "target": "dar bar"} for text in TEXTS],
    "language-model": [{"text": text} for text in TEXTS],
    "classification": [{"text": text, "label": "plant"} for text in TEXTS],
}


@pytest.fixture(scope="module", params=WRITERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp(request.param) / "model")


@pytest.fixture
def model(folder: Path) -> Model:
    """A model of each task, whose network a test may damage."""
    return transduce.load(folder, "cpu")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return transduce.load(tiny_tasks.write_classifier(tmp_path_factory.mktemp("classifier") / "model"), "cpu")


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return transduce.load(tiny_model.write(tmp_path_factory.mktemp("translator") / "model"), "cpu")


def uses(model: Model) -> Iterator[Any]:
    records = RECORDS[model.task.name]
    yield lambda: model.predict(records)
    yield lambda: transduce.evaluate(model, records)
    if model.task.figures(0.0, 0.0):
        yield lambda: model.likelihood(held_out(records, model.task).records)


def test_damaged_weights_are_refused_everywhere(model: Model) -> None:
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.fill_(torch.nan)
    for use in uses(model):
        with pytest.raises(ValueError, match="the model's logits are NaN or infinite"):
            use()


def test_training_mode_is_refused_everywhere(model: Model) -> None:
    model.network.train()
    for use in uses(model):
        with pytest.raises(ValueError, match=r"training mode.*call model\.network\.eval\(\) first"):
            use()


def test_training_mode_is_refused_by_alignment(translator: Model) -> None:
    translator.network.train()
    try:
        with pytest.raises(ValueError, match="training mode"):
            align(translator, [("bar", "dar")])
    finally:
        translator.network.eval()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beams": 3}, "unknown key 'beams'; did you mean 'beam'"),
        ({"beam": "3"}, r'beam must be a whole number, found "3" \(text\)'),
        ({"beam": None}, 'beam must be a whole number, found "none"'),
        ({"beam": 0}, "beam must be 1 to 1,000, found 0"),
        ({"n_best": "3"}, r'n-best must be a whole number, found "3" \(text\)'),
        ({"groups": None}, 'groups must be a whole number, found "none"'),
        ({"sampling": "top"}, r'sampling must be a table, found "top" \(text\)'),
        ({"sampling": {"temprature": 1.0}}, "unknown key 'sampling.temprature'; did you mean 'sampling.temperature'"),
        ({"alpha": float("nan")}, "alpha must be a finite number"),
    ],
)
def test_settings_that_cannot_be_are_named(translator: Model, settings: dict[str, Any], message: str) -> None:
    for use in (
        lambda: transduce.predict(translator, ["bar"], **settings),
        lambda: transduce.evaluate(translator, RECORDS["translation"], **settings),
    ):
        with pytest.raises(ValueError, match=message):
            use()


def test_sampling_replaces_that_of_the_model_and_a_dict_changes_it(translator: Model) -> None:
    model = replace(translator, generation=replace(translator.generation, sampling=Sampling(top_k=3, seed=5)))
    assert model.decoding(sampling=Sampling(seed=7)).sampling == Sampling(seed=7)
    assert model.decoding(sampling={"seed": 7}).sampling == Sampling(top_k=3, seed=7)
    assert model.decoding(sampling=None).sampling is None


def test_a_classifier_has_no_settings_of_decoding(classifier: Model) -> None:
    for use in (
        lambda: transduce.predict(classifier, ["bar"], beam=3),
        lambda: transduce.evaluate(classifier, RECORDS["classification"], beam=3),
    ):
        with pytest.raises(ValueError, match=r"beam is for models that generate text, .* classification"):
            use()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([{"text": "q", "label": 1}], "record 1 needs a text, or a list of texts, under 'label', found 1"),
        ([{"text": "q", "label": ["plant", 1]}], "record 1 needs a text, or a list of texts, under 'label'"),
        (["a"], "record 1 is a text without an answer: give a dict with 'text' and 'label'"),
        ([{"text": "q", "label": "plant", "tags": 5}], r'record 1: tags must be a list such as \["de"\], found 5'),
        ([{"text": "q", "label": "plant", "tags": [5]}], "record 1: tags must be a list"),
        ({"text": "q", "label": "plant"}, r"expected a list of records, found one; use \[record\]"),
    ],
)
def test_records_that_cannot_be_are_named(classifier: Model, data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        transduce.evaluate(classifier, data)


def test_names_of_metrics_are_a_list(classifier: Model) -> None:
    with pytest.raises(ValueError, match=r'metrics must be a list such as \["accuracy"\]'):
        transduce.evaluate(classifier, RECORDS["classification"], metrics="accuracy")


def test_documents_may_be_texts_but_not_all_empty(tmp_path: Path) -> None:
    model = transduce.load(tiny_tasks.write_language_model(tmp_path / "model"), "cpu")
    assert transduce.evaluate(model, TEXTS).values == transduce.evaluate(model, RECORDS["language-model"]).values
    with pytest.raises(ValueError, match="the documents hold no tokens"):
        transduce.evaluate(model, [{"text": ""}])


def test_a_record_of_a_file_may_be_a_paragraph(tmp_path: Path) -> None:
    model = transduce.load(tiny_tasks.write_language_model(tmp_path / "model"), "cpu")
    path = tmp_path / "plays.txt"
    path.write_text("bar dar\nnut\n\nmit\n")
    assert transduce.evaluate(model, path, records="paragraphs").sentences == 2
    assert transduce.evaluate(model, path, records="file").sentences == 1


@dataclass(frozen=True)
class Shouting(Translation):
    """A translation task of a caller's own, which reads another column too."""

    name = "shouting"

    def predict(self, model: Any, records: Sequence[Record], settings: Any) -> Iterator[Output]:
        for record, output in zip(records, super().predict(model, records, settings), strict=True):
            yield replace(output, text=f"{record.values['source']}: {output.text}".upper())


def test_a_task_derived_from_another_one_is_used_like_it(translator: Model) -> None:
    model = replace(translator, config=replace(translator.config, task=Shouting()))
    assert model.translate(["bar"]) == translator.translate(["bar"])
    assert model.score([("bar", "dar")]) == translator.score([("bar", "dar")])
    assert align(model, [("bar", "dar")]) == align(translator, [("bar", "dar")])
    found = evaluate(model, held_out(RECORDS["translation"], model.task), metrics=["chrf"])
    assert found.translations == tuple(
        f"{text}: {line}".upper() for text, line in zip(TEXTS, translator.translate(TEXTS), strict=True)
    )
    with pytest.raises(
        ValueError, match=r"a model for translation, .* one for language-model; use transduce translate"
    ):
        translator.require(LanguageModel)


@dataclass(frozen=True)
class Topical(Classification):
    """Classification of a text with its topic, which is a column of its own."""

    name = "topical"

    @property
    def columns(self) -> Mapping[str, Column]:
        return {"text": Text(limit=38), "topic": Text(limit=38), "label": Label()}

    def predict(self, model: Any, records: Sequence[Record], settings: Any = None) -> Iterator[LabelPrediction]:
        joint = [{"text": f"{record.values['topic']} {record.values['text']}"} for record in records]
        return super().predict(model, [Record(values, "here") for values in joint])


def test_an_evaluation_has_every_column_of_the_task(classifier: Model, tmp_path: Path) -> None:
    model = replace(classifier, config=replace(classifier.config, task=Topical()))
    records = [{"text": text, "topic": "nut", "label": ["plant", "animal"]} for text in TEXTS]
    expected = tuple(each.text for each in classifier.predict([f"nut {text}" for text in TEXTS]))
    assert transduce.evaluate(model, records).translations == expected
    lines = [json.dumps({**record, "label": "plant"}) + "\n" for record in records]
    (tmp_path / "test.jsonl").write_text("".join(lines))
    assert transduce.evaluate(model, tmp_path / "test.jsonl").translations == expected


def test_settings_of_an_evaluation_reach_every_task_that_generates(translator: Model) -> None:
    model = replace(translator, config=replace(translator.config, task=Shouting()))
    found = transduce.evaluate(model, RECORDS["translation"], metrics=["chrf"], max_length=1)
    assert found.translations == tuple(each.text for each in model.predict(TEXTS, max_length=1))
    assert found.translations != tuple(each.text for each in model.predict(TEXTS))


def test_results_come_as_soon_as_those_before_them_are_complete() -> None:
    reached = []

    def results() -> Iterator[tuple[int, str]]:
        for place in (1, 0, 2):
            reached.append(place)
            yield place, "abc"[place]

    ordered = in_order(results())
    assert (next(ordered), reached) == ("a", [1, 0])
    assert (list(ordered), reached) == (["b", "c"], [1, 0, 2])


def test_predictions_come_before_the_last_record_is_read(model: Model) -> None:
    """So a request to stop need not wait for all of them, however many there are and whichever are long."""
    settings = model.decoding(max_length=2) if model.task.generates else model.decoding()
    texts = [f"{text} {text}" if place > 700 else text for place, text in enumerate(TEXTS * 300)]
    records = [Record({model.task.key: text}, "here") for text in texts]
    expected = [each.text for each in model.task.predict(model, records[:3], settings)]
    calls: list[int] = []
    for module in model.network.modules():
        module.register_forward_pre_hook(lambda *unused: calls.append(1))
    results = model.task.predict(model, records, settings)
    assert not calls
    first = next(results)
    before = len(calls)
    assert [first.text, *(each.text for each in results)][:3] == expected
    assert 0 < before < 0.7 * len(calls)


def test_an_ensemble_of_classifiers_averages_probabilities(classifier: Model, tmp_path: Path) -> None:
    other = transduce.load(tiny_tasks.write_classifier(tmp_path / "other"), "cpu")
    with torch.no_grad():
        for parameter in other.network.parameters():
            parameter.mul_(-0.5)
    (one,), (two,) = classifier.predict(["nut bar"]), other.predict(["nut bar"])
    (mean,) = EnsembleModel([classifier, other]).predict(["nut bar"])
    expected = {name: (dict(one.probabilities)[name] + dict(two.probabilities)[name]) / 2 for name in tiny_tasks.LABELS}
    assert dict(mean.probabilities) == pytest.approx(expected)
    assert one.probabilities != two.probabilities
    assert transduce.evaluate(EnsembleModel([classifier, other]), RECORDS["classification"]).sentences == 3


def test_models_that_cannot_be_an_ensemble_are_named(classifier: Model, translator: Model, tmp_path: Path) -> None:
    language_model = transduce.load(tiny_tasks.write_language_model(tmp_path / "model"), "cpu")
    with pytest.raises(
        ValueError, match="a model for language-model; an ensemble needs models for translation or class"
    ):
        EnsembleModel([language_model, language_model])
    with pytest.raises(
        ValueError, match=r"a model for classification, .* one for translation: give models for one task"
    ):
        EnsembleModel([classifier, translator])
