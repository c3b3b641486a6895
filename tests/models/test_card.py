"""The model card: valid on the Hub, whatever the names of files hold, and complete for every task."""

import math
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

import tiny_model
import tiny_tasks
from transduce.config import tree_of
from transduce.evaluation.metrics import FIGURES, METRICS
from transduce.models import card as card_module
from transduce.models.card import HUB_METRICS, PIPELINES, Training, model_card
from transduce.models.folder import load_folder
from transduce.tasks.table import TASKS
from transduce.training.config import TrainingConfig
from transduce.training.state import TrainState

HOSTILE = "a|b`c\n---\n<script>*[x](y).tsv"


def report(*names: str) -> dict[str, object]:
    files = [{"path": f"/home/somebody/{name}", "lines": 7, "sha256": "ab" * 32} for name in names]
    return {
        "unit": "pair",
        "origins": {"train": {"files": files}},
        "parts": {"train": {"records": 6}, "dev": {"records": 1}},
    }


def card(folder: Path, names: tuple[str, ...] = ("train.tsv",), base: str | None = None, **values: float) -> str:
    loaded = load_folder(folder)
    signatures = {"bleu": "nrefs:1|case:mixed"} if "perplexity" not in values else {}
    training = Training(tree_of(TrainingConfig(minutes=3.0)), report(*names), 5, base, 40, signatures)
    state = TrainState(step=900, target_tokens=80_000, seconds=180.0)
    by_name = {name.replace("_", "-"): value for name, value in values.items()}
    return model_card("mine", loaded.config, loaded.network, loaded.processors, training, state, by_name)


@pytest.fixture(scope="module")
def translation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("tiny") / "m")


def test_the_facts_of_a_run_are_there(translation: Path) -> None:
    text = card(translation, base="general", loss=2.5, bleu=31.25, exact_match=math.nan)
    for words in (
        "Started from the model general. Seed 5.\nTrained for 900 updates, 80,000 target tokens, 3.0 minutes.\n",
        "| train | train.tsv | 7 | abababababababab... | unknown: fill in |",
        "After cleaning and splitting: train 6 pairs, dev 1 pair.",
        "Measured on the dev set in auto, predictions of 40 pairs by greedy search.\n",
        "| loss | 2.5 | nats, mean over target tokens |",
        "| bleu | 31.25 | nrefs:1\\|case:mixed |",
        "| exact-match | nan |  |",
        "\n[training]\nminutes = 3.0\n",
        "\n[training.schedule]\n",
        "Intended use: to predict the target from the source, for pairs like those of its training data.\n",
        "# base_model: fill in",
    ):
        assert words in text
    assert "/home/somebody" not in text
    assert "not validated" in card(translation)


def test_the_front_matter_is_that_of_the_hub(translation: Path) -> None:
    text = card(translation, base=HOSTILE, loss=2.5, bleu=1.0, token_error_rate=3.0)
    assert ModelCard(text).data.to_dict() == {
        "library_name": "transduce",
        "license": "unknown",
        "pipeline_tag": "translation",
        "metrics": ["bleu"],
    }
    filled = text.replace("license: unknown  # fill in", "license: cc-by-4.0").replace(
        "# language: fill in,", "language: de #"
    )
    assert ModelCard(filled).data.to_dict()["license"] == "cc-by-4.0"
    assert ModelCard(filled).data.to_dict()["language"] == "de"


def test_names_of_files_are_text_whatever_they_hold(translation: Path) -> None:
    text = card(translation, (HOSTILE,))
    assert r"| train | a\|b\`c --- \<script\>\*\[x\](y).tsv | 7 | " in text
    many = card(translation, tuple(f"{number}.txt" for number in range(card_module.FILES + 5)))
    assert f"| train | {card_module.FILES - 1}.txt | 7 |" in many and "| train | 5 other files | 35 | |" in many


def test_other_tasks(tmp_path: Path) -> None:
    text = card(tiny_tasks.write_language_model(tmp_path / "lm"), perplexity=9.0)
    assert "pipeline_tag: text-generation\n" in text and "Intended use: to continue documents like those" in text
    assert "Measured on the dev set in auto.\n" in text
    text = card(tiny_tasks.write_classifier(tmp_path / "classifier"), accuracy=90.0, macro_f1=80.0)
    assert "pipeline_tag: text-classification\nmetrics:\n- accuracy\n- f1\n" in text
    assert "to predict the label from the text, for texts like those" in text
    assert "`transduce predict FOLDER`" in text


def test_names_on_the_hub_are_those_of_tasks() -> None:
    assert PIPELINES.keys() <= TASKS.keys() and HUB_METRICS.keys() <= {*METRICS, *FIGURES}
