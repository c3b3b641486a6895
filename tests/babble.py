"""Models with random weights in memory, over the subwords of any text: what they say is babble."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.presets import PRESETS
from transduce.tasks.translation import TRANSLATION
from transduce.text.config import Kind, TokenizerConfig
from transduce.text.learn.learn import train


def babble(
    lines: Sequence[str], kind: Kind = "unigram", tags: Sequence[str] = (), max_source: int = 40, seed: int = 1
) -> Model:
    """A transformer-tiny of two decoder layers and three encoder layers, with one vocabulary for both sides."""
    tokenizers = TokenizerConfig(kind=kind, vocabulary=400, exact=False)
    tokenizer = train(lines, tokenizers.side("source"), tokenizers, tags)
    processors = Processors({"source": tokenizer, "target": tokenizer})
    config = ModelConfig(TRANSLATION, replace(PRESETS["transformer-tiny"](), encoder_layers=3))
    torch.manual_seed(seed)
    network = TRANSLATION.network(config.network, processors).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if any(part in name for part in ("query", "key", "value")):
                parameter.mul_(4)  # attention that is far from even
    return Model(config, network, processors, Generation(beam=2, max_length=12, max_source=max_source))
