"""The model card: what a model is, what it was trained on, and how well it does."""

from collections.abc import Mapping

from torch import nn

from transduce.data.columns import Labels
from transduce.data.processors import Processors
from transduce.data.records import counted
from transduce.models.folder import ModelConfig
from transduce.networks.layer_config import LayerConfig
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.table import family_of, kind_of
from transduce.tasks.references import loss_unit
from transduce.text.tokenizer import Tokenizer
from transduce.training.averaging import WEIGHTS
from transduce.training.state import TrainState


def model_card(
    name: str,
    model: ModelConfig,
    network: nn.Module,
    processors: Processors,
    state: TrainState,
    values: Mapping[str, float],
    seed: int,
    precision: str,
) -> str:
    """README.md of a model folder. `values`: metrics of the validation that chose the model, computed in `precision`."""
    scores = "\n".join(f"| {key} | {value:.4g} |" for key, value in values.items()) or "| not validated | |"
    weights = "" if state.best_weights == "weights" else f" Weights: {WEIGHTS[state.best_weights]}."
    count = sum(parameter.numel() for parameter in network.parameters())
    family = family_of(model.network)
    return f"""# {name}

{family[0].upper()}{family[1:]} for {model.task.name}: {describe(model)}, {count:,} parameters. {_sizes(processors)}{weights}

Trained for {counted(state.step, "update")}, {state.target_tokens:,} {loss_unit(model.task)}, {state.seconds / 60:.1f} minutes,
seed {seed}.

| measured on the dev set in {precision} | |
|---|---|
{scores}

Use: `transduce predict FOLDER < lines.txt`, or `transduce.load(FOLDER).predict(lines)` in Python.
This card and generation.toml may be edited. manifest.json holds the SHA-256 of every other file, checked at loading.
"""


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
