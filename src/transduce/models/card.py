"""The model card: what a model is, what it was trained on, and how well it does."""

from collections.abc import Mapping

from transduce.models.folder import ModelSpec
from transduce.training.averaging import WEIGHTS
from transduce.training.state import TrainState


def model_card(
    name: str, spec: ModelSpec, state: TrainState, values: Mapping[str, float], seed: int, precision: str
) -> str:
    """README.md of a model folder. `values`: metrics of the validation that chose the model, computed in `precision`."""
    scores = "\n".join(f"| {key} | {value:.4g} |" for key, value in values.items()) or "| not validated | |"
    network = spec.network
    averaged = "" if state.best_weights == "weights" else f"Weights: {WEIGHTS[state.best_weights]}."
    source = spec.source_vocabulary or spec.target_vocabulary
    return f"""# {name}

A Transformer for {spec.task}: {network.encoder_layers} encoder and {network.decoder_layers} decoder layers, {network.d_model} wide,
{network.heads} heads, {network.norm_placement}-norm; {source} source and {spec.target_vocabulary} target pieces.

{averaged}
Trained for {state.step} updates, {state.target_tokens:,} target tokens, {state.seconds / 60:.1f} minutes,
seed {seed}.

| measured on the dev set in {precision}, greedy decoding | |
|---|---|
{scores}

Use: `transduce translate FOLDER < lines.txt`, or `transduce.load(FOLDER).translate(lines)` in Python.
Every file's SHA-256 is in manifest.json and is checked when the model is loaded.
"""
