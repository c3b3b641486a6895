"""Model folders with random weights of the other tasks, over the words of `tiny_model`: quick to make."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tiny_model import WORDS
from transduce.data.columns import Labels
from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.models import folder as model_folder
from transduce.models.folder import ModelConfig
from transduce.networks.presets import DECODER_ONLY_PRESETS, ENCODER_ONLY_PRESETS
from transduce.networks.tensors import tensors_of
from transduce.tasks.classification import Classification
from transduce.tasks.language_model import LanguageModel
from transduce.text.config import Kind, TokenizerConfig
from transduce.text.learn.learn import train

LINES = [" ".join(WORDS[place : place + 3]) for place in range(0, len(WORDS), 3)]
LABELS = ("animal", "mineral", "plant")


def write_language_model(
    folder: Path, kind: Kind = "words", context: int = 64, tags: Sequence[str] = (), **decoding: Any
) -> Path:
    """A decoder of two layers; its continuations have at most 10 tokens."""
    config = TokenizerConfig(kind=kind, vocabulary=400, exact=False)
    tokenizer = train(LINES, config.side("text"), config, tags)
    model = ModelConfig(LanguageModel(context), DECODER_ONLY_PRESETS["transformer-tiny"]())
    return _write(folder, model, Processors({"text": tokenizer}), Generation(beam=2, max_length=10, **decoding))


def write_classifier(folder: Path, tags: Sequence[str] = ()) -> Path:
    """An encoder of two layers that tells three labels apart."""
    config = TokenizerConfig(kind="words", vocabulary=400)
    tokenizer = train(LINES, config.side("text"), config, tags)
    model = ModelConfig(Classification(max_tokens=40), ENCODER_ONLY_PRESETS["transformer-tiny"]())
    return _write(folder, model, Processors({"text": tokenizer, "label": Labels(LABELS)}), None)


def _write(folder: Path, model: ModelConfig, processors: Processors, generation: Generation | None) -> Path:
    torch.manual_seed(1)
    network = model.task.network(replace(model.network, dropout=0.0), processors)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)  # far from even, so that the input decides
    model_folder.save(folder, model, tensors_of(network), processors, generation, "# tiny\n")
    return folder
