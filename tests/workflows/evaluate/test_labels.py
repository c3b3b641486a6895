"""Evaluation of classifiers: metrics, calibration, comparison and the confusion matrix, against the rows' probabilities."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from lxml import html
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

import tiny_model
from pairs import of_texts
from transduce.cli.evaluate_output import as_json, as_text
from transduce.data.columns import Labels
from transduce.data.processors import Processors
from transduce.evaluation.calibration import calibrate
from transduce.evaluation.metrics import METRICS
from transduce.models import folder as model_folder
from transduce.models.folder import ModelConfig
from transduce.models.model import Model, load
from transduce.networks.config import EncoderOnlyConfig
from transduce.networks.tensors import tensors_of
from transduce.tasks.classification import Classification
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train
from transduce.workflows.evaluate import systems
from transduce.workflows.evaluate.assessment import Questions, assess
from transduce.workflows.evaluate.breakdowns import KINDS
from transduce.workflows.evaluate.calibrate import calibration
from transduce.workflows.evaluate.report import CONFUSION_CLASSES, report_page
from transduce.workflows.evaluate.run import evaluate, judge
from transduce.workflows.evaluate.test_set import held_out, read_test_set

WORDS, NAMES = tiny_model.WORDS, ("<b>bad</b>", "good", "neutral")
TASK = Classification(max_tokens=12)
TEXTS = [" ".join(WORDS[place * 7 % 90] for place in range(start, start + 1 + start % 15)) for start in range(40)]
LABELS = [NAMES[place % 2] for place in range(40)]  # no text is neutral, but predictions may be


def write(folder: Path, seed: int) -> Path:
    """A classifier with random weights, large enough for predictions that depend on the text."""
    config = TokenizerConfig(kind="words", vocabulary=400)
    processors = Processors({"text": train(WORDS, config.side("text"), config), "label": Labels(NAMES)})
    model = ModelConfig(TASK, EncoderOnlyConfig(d_model=16, heads=2, feed_forward=32, layers=1))
    torch.manual_seed(seed)
    network = TASK.network(model.network, processors)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3
    model_folder.save(folder, model, tensors_of(network), processors, None, "# labels\n")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("models")
    return [write(place / f"model-{seed}", seed) for seed in (6, 7)]


@pytest.fixture(scope="module")
def model(folders: list[Path]) -> Model:
    return load(folders[0], "cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "test.jsonl"
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_metrics_are_those_of_scikit_learn(model: Model, data: Path) -> None:
    found = evaluate(model, read_test_set(data, task=model.task))
    predicted = [each.text for each in model.predict(TEXTS)]
    assert found.translations == tuple(predicted) and len({*predicted}) == 3
    f1 = f1_score(LABELS, predicted, labels=sorted({*LABELS}), average="macro")
    assert found.values == {
        "accuracy": pytest.approx(100 * accuracy_score(LABELS, predicted)),
        "macro-f1": pytest.approx(100 * f1),
    }
    assert (found.sentences, found.units, found.cut) == (40, 40, 0)


def test_calibration_is_over_rows(model: Model, data: Path) -> None:
    predictions = model.predict(TEXTS)
    right = [each.text == label for each, label in zip(predictions, LABELS, strict=True)]
    expected = calibrate(np.array([each.confidence for each in predictions]), np.array(right))
    found = calibration(model, read_test_set(data, task=model.task), batch_tokens=64)
    assert found.tokens == len(TEXTS)
    assert found.accuracy == pytest.approx(np.mean(right))
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-6)
    assert found.expected_error == pytest.approx(expected.expected_error, abs=1e-6)


def test_another_classifier_is_compared(folders: list[Path], data: Path) -> None:
    ours, theirs = folders
    found = systems.evaluate_systems(
        systems.Systems(model=ours, compare=[theirs, ours], device="cpu"),
        systems.TestFiles(pairs=data),
        Questions(breakdowns=KINDS, sentences=3, calibration=True),
    )
    assert [each.other.name for each in found.compared] == [str(theirs), str(ours)]
    assert [one.metric for one in found.compared[0].comparisons] == ["accuracy", "macro-f1"]
    accuracy = found.compared[0].comparisons[0]
    predicted = [[each.text for each in load(path, "cpu").predict(TEXTS)] for path in folders]
    shares = [100 * accuracy_score(LABELS, each) for each in predicted]
    assert (accuracy.baseline, accuracy.other) == pytest.approx(shares)
    assert accuracy.difference == pytest.approx(shares[1] - shares[0]) and accuracy.difference != 0
    assert [one.randomisation_p for one in found.compared[1].comparisons] == [1, 1]
    text = as_text(found)
    assert "over 40 texts (mean confidence" in text and "token" not in text
    assert [table.kind for table in found.breakdowns] == ["length", "rare-words"]
    assert found.worst is not None and len(found.worst.sentences) == 3
    page = html.document_fromstring(report_page(found, ours))
    assert "Over 40 texts, its first choice had a probability of" in " ".join(page.text_content().split())
    assert [each.text_content() for each in page.xpath("//nav//a")] == [
        "Scores", "Comparison", "Breakdowns", "Calibration", "Confusion", "Worst texts", "Most different: A and B",
        "Model",
    ]  # fmt: skip


def test_a_model_for_another_task_is_not_compared(folders: list[Path], data: Path, tmp_path: Path) -> None:
    other = tiny_model.write(tmp_path / "tiny")
    with pytest.raises(
        ValueError, match=r"is a model for classification, and .*tiny one for translation: give models for one task"
    ):
        systems.evaluate_systems(
            systems.Systems(model=folders[0], compare=[other], device="cpu"),
            systems.TestFiles(pairs=data),
            Questions(),
        )


def test_a_label_that_the_model_does_not_know_is_an_error_of_the_model(
    model: Model, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in zip(TEXTS, LABELS, strict=True)) + "bar\tnew\n")
    test_set = read_test_set(path, task=model.task)
    found = evaluate(model, test_set)
    before = evaluate(model, read_test_set(data, task=model.task))
    assert found.values["accuracy"] == pytest.approx(before.values["accuracy"] * 40 / 41)
    assert found.units == 40  # those that the model gives a probability to
    assert calibration(model, test_set).tokens == 40


def test_white_space_around_the_labels_of_records_is_ignored(model: Model) -> None:
    records = [{"text": text, "label": f" {label}\n"} for text, label in zip(TEXTS, LABELS, strict=True)]
    test_set = held_out(records, model.task)
    assert [answer for (answer,) in test_set.references] == LABELS
    assert not test_set.unknown_labels(model.processors)


def test_several_right_labels_are_compared_too() -> None:
    """Which of them counts depends on the prediction, so systems may have other classes."""
    test_set = of_texts(("x", "y", "z"), (("a", "b"), ("a", "b"), ("c",)), task=TASK)
    metrics = [METRICS["macro-f1"]]
    first, second = (judge(name, list(name), test_set.references, metrics) for name in ("aac", "abc"))
    (compared,) = assess(test_set, first, [second]).compared
    assert (compared.comparisons[0].baseline, compared.comparisons[0].other) == (100, 100)


def test_texts_and_labels_may_be_aligned_files_or_columns(folders: list[Path], data: Path, tmp_path: Path) -> None:
    for name, values in (("texts", TEXTS), ("labels", LABELS)):
        (tmp_path / name).write_text("".join(f"{value}\n" for value in values), encoding="utf-8")
    rows = "".join(f"{text},{label}\n" for text, label in zip(TEXTS, LABELS, strict=True))
    (tmp_path / "test.csv").write_text(f"body,section\n{rows}", encoding="utf-8")
    columns = {"text": "body", "label": "section"}

    def accuracy(files: systems.TestFiles) -> float:
        subject = systems.Systems(model=folders[0], device="cpu")
        return systems.evaluate_systems(subject, files, Questions()).subject.scores[0].value

    expected = accuracy(systems.TestFiles(pairs=data))
    assert accuracy(systems.TestFiles(tmp_path / "texts", [tmp_path / "labels"])) == expected
    assert accuracy(systems.TestFiles(pairs=tmp_path / "test.csv", columns=columns)) == expected
    with pytest.raises(ValueError, match="'source' is no column of task classification, which has text, label"):
        accuracy(systems.TestFiles(pairs=tmp_path / "test.csv", columns={"source": "body"}))


def test_records_with_an_empty_column_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("bar\tgood\n\tgood\nnut\t\nkus\tneutral\n")
    held_out = read_test_set(path, task=TASK)
    assert (held_out.sources, held_out.references, held_out.left_out) == (("bar", "kus"), (("good",), ("neutral",)), 2)


def test_the_confusion_matrix_is_shown_in_words_in_json_and_on_the_page(model: Model, data: Path) -> None:
    held_out = read_test_set(data, task=model.task)
    found = assess(held_out, evaluate(model, held_out))
    assert found.confusion is not None
    classes = found.confusion.classes
    assert set(classes) == {*NAMES} and classes[2] == "neutral"  # the rarest one last
    expected = confusion_matrix(LABELS, found.subject.translations, labels=list(classes))
    assert found.confusion.counts.tolist() == expected.tolist()

    tree = json.loads(as_json(found))
    assert tree["confusion"] == {"classes": list(classes), "counts": expected.tolist()}

    title, _, *rows = as_text(found).partition("confusion: ")[2].splitlines()
    assert title == "3 classes; most often confused"
    shown = [re.split("  +", row.strip()) for row in rows]
    wrong = [(i, j) for i in range(3) for j in range(3) if i != j and expected[i, j]]
    pairs = sorted(wrong, key=lambda pair: -expected[pair])
    assert sorted(shown) == sorted([classes[i], classes[j], str(expected[i, j])] for i, j in pairs)
    assert [int(row[2]) for row in shown] == [expected[pair] for pair in pairs]

    table = html.document_fromstring(report_page(found)).xpath("//section[@aria-labelledby='confusion']//table")[0]
    assert table.xpath("caption")
    assert [each.text_content() for each in table.xpath("thead//th")][1:] == list(classes)
    assert [each.text_content() for each in table.xpath("tbody//th")] == list(classes)
    cells = [[int(each.text or 0) for each in row.xpath("td")] for row in table.xpath("tbody/tr")]
    assert cells == expected.tolist()


def test_a_large_confusion_matrix_is_cut_to_its_most_frequent_classes_on_the_page() -> None:
    names = [f"class {number:02}" for number in range(CONFUSION_CLASSES + 5)]
    right = [name for place, name in enumerate(names) for _ in range(len(names) - place)]
    held_out = of_texts(("x",) * len(right), tuple((name,) for name in right), task=TASK)
    found = assess(held_out, judge("it", right[1:] + right[:1], held_out.references, [METRICS["accuracy"]]))
    section = html.document_fromstring(report_page(found)).xpath("//section[@aria-labelledby='confusion']")[0]
    assert [each.text_content() for each in section.xpath(".//tbody//th")] == names[:CONFUSION_CLASSES]
    assert {len(row.xpath("td")) for row in section.xpath(".//tbody/tr")} == {CONFUSION_CLASSES}
    assert "The 40 most frequent of 45 classes are shown." in " ".join(section.text_content().split())
    assert len(json.loads(as_json(found))["confusion"]["counts"]) == len(names)


def test_translations_have_no_confusion_matrix() -> None:
    held_out = of_texts(("a",), (("b",),))
    found = assess(held_out, judge("it", ["b"], held_out.references, [METRICS["chrf"]]))
    assert found.confusion is None and "confusion" not in json.loads(as_json(found))
    assert "confus" not in as_text(found) + report_page(found).partition("</style>")[2].lower()


def test_a_label_is_known_if_any_of_the_alternatives_is(
    model: Model, folders: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("bar\tnew\nbar\tgood\nnut\tgood\n", encoding="utf-8")
    held_out = read_test_set(path, alternatives=True, task=model.task)
    assert held_out.unknown_labels(model.processors) == []
    assert [record.values["label"] for record in held_out.scorable(model.processors)] == ["good", "good"]
    files = systems.TestFiles(pairs=path, alternatives=True)
    found = systems.evaluate_systems(systems.Systems(model=folders[0], device="cpu"), files, Questions())
    assert found.subject.units == 2 and "unknown" not in caplog.text  # type: ignore[attr-defined]


def test_a_test_set_without_any_label_of_the_model(
    folders: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("bar\t3\nnut\t4\n", encoding="utf-8")
    systems.evaluate_systems(
        systems.Systems(model=folders[0], device="cpu"), systems.TestFiles(pairs=path), Questions()
    )
    assert caplog.messages == [
        f"2 texts with labels unknown to {folders[0]} (3, 4): each counts as wrong",
        "no label of the test set is known to the model, whose labels are <b>bad</b>, good, neutral",
    ]


def test_only_wrong_labels_are_the_worst(model: Model, data: Path) -> None:
    held_out = read_test_set(data, task=model.task)
    found = assess(held_out, evaluate(model, held_out), questions=Questions(sentences=100))
    assert found.worst is not None
    wrong = [place + 1 for place, text in enumerate(found.subject.translations) if text != LABELS[place]]
    assert [each.number for each in found.worst.sentences] == wrong and 0 < len(wrong) < 40
