"""The model card: what a model is for, what it was trained on and how, and how well it does.

README.md of a model folder. Its front matter is that of model cards on the Hugging Face Hub, as its documentation has it
(https://huggingface.co/docs/hub/model-cards). Facts that nobody but the owner knows say "fill in".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from torch import nn

from transduce import config
from transduce.data.columns import Labels
from transduce.data.processors import Processors
from transduce.data.records import counted, plural
from transduce.models.folder import ModelConfig
from transduce.networks.layer_config import LayerConfig
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.table import family_of, kind_of
from transduce.tasks.references import loss_unit
from transduce.tasks.task import Task
from transduce.terminal import harmless
from transduce.text.tokenizer import Tokenizer
from transduce.training.averaging import WEIGHTS
from transduce.training.state import TrainState

FILES = 20  # that the card names of each part of the data
PIPELINES = {  # task -> its name on the Hub
    "translation": "translation",
    "language-model": "text-generation",
    "classification": "text-classification",
    "image-classification": "image-classification",
    "forecast": "time-series-forecasting",
}
HUB_METRICS = {  # metric -> its name on the Hub, where it has one
    "bleu": "bleu",
    "chrf": "chrf",
    "word-error-rate": "wer",
    "character-error-rate": "cer",
    "exact-match": "exact_match",
    "accuracy": "accuracy",
    "macro-f1": "f1",
    "perplexity": "perplexity",
    "mae": "mae",
}


@dataclass(frozen=True)
class Training:
    """How a model was trained. settings: [training] of the run file as a tree of TOML. data: report.json of the prepared
    data. base: name of the model that it started from, None for random weights.

    dev_records: number of records that validations predict. signatures: of the metrics, by name.
    """

    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    seed: int
    base: str | None
    dev_records: int
    signatures: Mapping[str, str]


def model_card(
    name: str,
    model: ModelConfig,
    network: nn.Module,
    processors: Processors,
    training: Training,
    state: TrainState,
    values: Mapping[str, float],
) -> str:
    """The text of the card. `values`: metrics of the validation that chose the model."""
    weights = "" if state.best_weights == "weights" else f" Weights: {WEIGHTS[state.best_weights]}."
    count = sum(parameter.numel() for parameter in network.parameters())
    family, task = family_of(model.network), model.task
    start = "random weights" if training.base is None else f"the model {_cell(training.base)}"
    return f"""{_front_matter(task, training, values)}
# {harmless(name)}

{family[0].upper()}{family[1:]} for {task.name}: {describe(model)}, {count:,} parameters. {_sizes(processors)}{weights}

## Use

`transduce {task.command} FOLDER` on the command line, `transduce.load(FOLDER).predict(records)` in Python.

Intended use: {_purpose(task)}
It is measured on such data alone; `transduce evaluate FOLDER --data FILE` measures it on data of your own.
Other uses, and people whom errors may harm: fill in.

## Data

{_data(training.data)}

## Measured quality

{_quality(task, training, values)}

## Training

Started from {start}. Seed {training.seed}.
Trained for {counted(state.step, "update")}, {state.target_tokens:,} {loss_unit(task)}, {state.seconds / 60:.1f} minutes.

```toml
{config.dumps({"training": training.settings})}```

This card and generation.toml may be edited. manifest.json holds the SHA-256 of every other file, checked at loading.
"""


def _front_matter(task: Task, training: Training, values: Mapping[str, float]) -> str:
    """YAML between two lines of hyphens. The Hub knows languages and models by names of its own, which the owner fills in."""
    lines = ["---", "library_name: transduce", "license: unknown  # fill in", "# language: fill in, such as [en, de]"]
    if training.base is not None:
        lines.append("# base_model: fill in, as OWNER/NAME")
    if task.name in PIPELINES:
        lines.append(f"pipeline_tag: {PIPELINES[task.name]}")
    metrics = [HUB_METRICS[name] for name in values if name in HUB_METRICS]
    lines += ["metrics:", *(f"- {name}" for name in metrics)] if metrics else []
    return "\n".join([*lines, "---"])


def _purpose(task: Task) -> str:
    if task.answer is None:
        return (
            f"to continue {plural(task.unit)} like those of its training data, and to measure the probability of such."
        )
    return f"to predict the {task.answer} from the {task.key}, for {plural(task.unit)} like those of its training data."


def _data(report: Mapping[str, Any]) -> str:
    """Every part with its files, and the number of records that are left after cleaning and splitting."""
    files = "\n".join(row for part, origin in report["origins"].items() for row in _file_rows(part, origin["files"]))
    parts = [f"{part} {counted(count['records'], report['unit'])}" for part, count in report["parts"].items()]
    return f"""| files of | file | lines | SHA-256 | licence |
|---|---|---|---|---|
{files}

After cleaning and splitting: {", ".join(parts)}."""


def _file_rows(part: str, files: list[dict[str, Any]]) -> Iterator[str]:
    for file in files[:FILES]:
        name = _cell(PurePath(file["path"]).name)
        yield f"| {part} | {name} | {file['lines']:,} | {file['sha256'][:16]}... | unknown: fill in |"
    if others := files[FILES:]:
        lines = sum(file["lines"] for file in others)
        yield f"| {part} | {counted(len(others), 'other file')} | {lines:,} | | unknown: fill in |"


def _quality(task: Task, training: Training, values: Mapping[str, float]) -> str:
    """The values with their signatures, and how they were measured."""
    signatures = {"loss": f"nats, mean over {loss_unit(task)}", **training.signatures}
    rows = [f"| {name} | {value:.4g} | {_cell(signatures.get(name, ''))} |" for name, value in values.items()]
    table = "\n".join(rows) or "| not validated | | |"
    precision, metric = training.settings["precision"], training.settings["metric"]
    search = " by greedy search" if task.generates else ""
    predictions = f", predictions of {counted(training.dev_records, task.unit)}{search}" if training.signatures else ""
    return f"""Measured on the dev set in {precision}{predictions}.
The best {metric} there chose the checkpoint; expect a little less on other data.

| metric | value | signature |
|---|---|---|
{table}"""


def _cell(text: str) -> str:
    """Untrusted text in a cell of a table, or in a sentence: no sign in it divides cells or marks words up."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>|" else sign for sign in harmless(text))


def _sizes(processors: Processors) -> str:
    """The columns as the card describes them: "Vocabularies: source 4,000, target 4,000."."""
    if all(isinstance(each, Tokenizer | Labels) for each in processors.values()):
        sizes = ", ".join(f"{column} {processor.size:,}" for column, processor in processors.items())
        return f"Vocabularies: {sizes}."
    return "Columns: " + "; ".join(f"{column}: {processors.description(column)}" for column in processors) + "."


def describe(model: ModelConfig) -> str:
    """The network in words: "3+3 layers, 256 wide, 4 heads, pre-norm"; of a network without such layers its kind."""
    network = model.network
    if not isinstance(network, LayerConfig | SourceToTargetConfig):
        return kind_of(network)
    layers = [str(getattr(network, field)) for field in network.stacks.values()]
    size = f"{'+'.join(layers)} {'layer' if layers == ['1'] else 'layers'}, {network.d_model} wide"
    if isinstance(network, LayerConfig):
        return f"{size}, {counted(network.heads, 'head')}, {network.norm_placement}-norm"
    return f"{size}, {network.details}"
