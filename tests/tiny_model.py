"""A model folder with random weights: quick to make, and its outputs are babble that depends on the source."""

from collections.abc import Sequence
from pathlib import Path

import torch

from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.models import folder as model_folder
from transduce.models.folder import ModelConfig
from transduce.networks.presets import PRESETS
from transduce.networks.tensors import tensors_of
from transduce.tasks.translation import TRANSLATION
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train

WORDS = [first + second + third for first in "bdklmn" for second in "aeiou" for third in "rst"]
MAX_SOURCE = 40  # tokens, end token included


def write(folder: Path, shared: bool = True, tags: Sequence[str] = ()) -> Path:
    """A transformer-tiny over the words of WORDS; its outputs have at most 10 of them."""
    config = TokenizerConfig(kind="words", vocabulary=400, shared=shared)
    tokenizers = [train(words, config.side("source"), config, tags) for words in (WORDS, WORDS[10:])]
    processors = Processors({"source": tokenizers[0], "target": tokenizers[0] if shared else tokenizers[1]})
    model = ModelConfig(TRANSLATION, PRESETS["transformer-tiny"]())
    torch.manual_seed(1)
    network = TRANSLATION.network(model.network, processors)
    with torch.no_grad():
        for layer in network.decoder.layers:
            layer.cross_attention.to_output.weight *= 30  # the source decides
    generation = Generation(beam=2, max_length=10, max_source=MAX_SOURCE)
    model_folder.save(folder, model, tensors_of(network), processors, generation, "# tiny\n")
    return folder


def without_notes(messages: str) -> str:
    """Messages on stderr without those that its babble, which seldom ends by itself, is cut, and that it knows tags."""
    notes = ("at its longest length", "tag is not given; the model knows")
    return "".join(line for line in messages.splitlines(keepends=True) if not any(note in line for note in notes))
