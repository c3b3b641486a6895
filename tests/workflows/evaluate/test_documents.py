"""Evaluation of language models: figures from the probability of each token, given those before it in its document."""

import json
import math
from pathlib import Path

import pytest
import torch

import tiny_model
from transduce.cli.evaluate_output import as_json, as_text
from transduce.cli.main import main
from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.evaluation.metrics import FIGURES, METRICS
from transduce.models import folder as model_folder
from transduce.models.folder import ModelConfig
from transduce.models.model import Model, load
from transduce.networks.config import DecoderOnlyConfig
from transduce.networks.tensors import tensors_of
from transduce.tasks.language_model import LanguageModel
from transduce.tasks.table import TASKS
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train
from transduce.workflows.evaluate import systems
from transduce.workflows.evaluate.calibrate import calibration
from transduce.workflows.evaluate.report import report_page
from transduce.workflows.evaluate.run import evaluate
from transduce.workflows.evaluate.test_set import held_out

DOCUMENTS = ["bar dar\nkus ü", "mit", "nut lot das bar\n\nmit", "x" * 30]


def write(folder: Path, context: int = 128) -> Path:
    config = TokenizerConfig(kind="characters", vocabulary=300)
    processors = Processors({"text": train(tiny_model.WORDS, config.side("text"), config)})
    model = ModelConfig(LanguageModel(context), DecoderOnlyConfig(d_model=16, heads=2, feed_forward=32, layers=2))
    torch.manual_seed(1)
    network = model.task.network(model.network, processors)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 2  # far from even
    weights = tensors_of(network)
    model_folder.save(folder, model, weights, processors, Generation(max_length=5), "# text\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load(folder, "cpu")


@torch.no_grad()
def log_probabilities(model: Model) -> list[list[tuple[float, float, bool]]]:
    """Of each token of each document, the end token included, one after the other: its log-probability, the highest
    one, and whether they are of the same token.
    """
    tokenizer, found = model.processors.tokenizer("text"), []
    for text in DOCUMENTS:
        tokens, values = [*tokenizer.encode(text), tokenizer.end], []
        for place, token in enumerate(tokens):
            hidden = model.network(torch.tensor([[tokenizer.start, *tokens[:place]]]))
            logs = model.network.head.logits(hidden)[0, -1].double().log_softmax(0)
            values.append((float(logs[token]), float(logs.max()), int(logs.argmax()) == token))
        found.append(values)
    return found


def test_perplexity_and_bits_per_byte_are_of_every_token(model: Model) -> None:
    found = evaluate(model, held_out([{"text": text} for text in DOCUMENTS], model.task))
    values = [log for document in log_probabilities(model) for log, *_ in document]
    size = sum(len(text.encode()) for text in DOCUMENTS)
    assert found.units == len(values)
    assert found.figures == {
        "perplexity": pytest.approx(math.exp(-math.fsum(values) / len(values)), rel=1e-5),
        "bits-per-byte": pytest.approx(-math.fsum(values) / math.log(2) / size, rel=1e-5),
    }
    assert (found.scores, found.translations, found.sentences) == ((), (), len(DOCUMENTS))


def test_documents_longer_than_the_context_are_split_and_count_in_full(tmp_path: Path) -> None:
    short = load(write(tmp_path / "model", context=8), "cpu")
    documents = held_out([{"text": text} for text in DOCUMENTS], short.task)
    tokenizer = short.processors.tokenizer("text")
    found = evaluate(short, documents)
    assert found.units == sum(len(tokenizer.encode(text)) + 1 for text in DOCUMENTS)
    nll = math.log(found.figures["perplexity"]) * found.units
    assert found.figures["bits-per-byte"] == pytest.approx(
        nll / math.log(2) / sum(len(text.encode()) for text in DOCUMENTS)
    )


def test_an_empty_document_counts_for_nothing(model: Model) -> None:
    records = [{"text": text} for text in DOCUMENTS]
    expected = evaluate(model, held_out(records, model.task))
    found = evaluate(model, held_out([{"text": ""}, *records], model.task))
    assert (found.figures, found.units) == (expected.figures, expected.units)


def test_calibration_is_over_all_tokens(model: Model) -> None:
    found = calibration(model, held_out([{"text": text} for text in DOCUMENTS], model.task))
    values = [value for document in log_probabilities(model) for value in document]
    assert found.tokens == len(values)
    assert found.confidence == pytest.approx(sum(math.exp(best) for _, best, _ in values) / len(values), rel=1e-5)
    assert found.accuracy == pytest.approx(sum(right for *_, right in values) / len(values))


def test_the_figures_are_shown_in_words_in_json_and_on_the_page(folder: Path, model: Model, tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in DOCUMENTS))
    found = systems.evaluate_systems(
        systems.Systems(model=folder, device="cpu"),
        systems.TestFiles(pairs=path),
        systems.Questions(breakdowns=("length",), sentences=5, calibration=True),
    )
    expected = evaluate(model, held_out([{"text": text} for text in DOCUMENTS], model.task))
    tree = json.loads(as_json(found))
    assert (tree["metrics"], tree["units"], tree["sentences"]) == ({}, expected.units, len(DOCUMENTS))
    assert {name: tree[name] for name in expected.figures} == pytest.approx(expected.figures)
    text, page = as_text(found), report_page(found, folder)
    for name, value in expected.figures.items():
        assert f"{value:.4g}" in text and name in text and f"{value:.4g}" in page
    assert "reference" not in text and "confusion" not in tree


def test_the_command_takes_the_names_of_figures(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "test.txt"
    path.write_text("bar dar\nnut\n")
    command = ["evaluate", str(folder), "--data", str(path), "--device", "cpu"]
    assert main([*command, "--metrics", "bits-per-byte", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["sentences"] == 2
    assert main([*command, "--metrics", "bleu"]) == 2
    assert "task language-model has no metric 'bleu'; it has perplexity, bits-per-byte" in capfd.readouterr().err
    assert main(["evaluate", str(folder), "--source", str(path), "--reference", str(path)]) == 2
    assert "task language-model compares with no references: give --data FILE" in capfd.readouterr().err


@pytest.mark.parametrize("metric", ["chrf", "accuracy"])
def test_metrics_of_predictions_are_refused(model: Model, metric: str) -> None:
    documents = held_out([{"text": text} for text in DOCUMENTS], model.task)
    with pytest.raises(ValueError, match=f"task language-model has no metric '{metric}'"):
        evaluate(model, documents, [metric])
    assert evaluate(model, documents, ["bits-per-byte", "perplexity"]).scores == ()


def test_figures_of_all_tasks_have_their_names() -> None:
    names = {name for task in TASKS.values() for name in task().figures(0.0, 0.0)}
    assert names == {*FIGURES} and names.isdisjoint(METRICS)
