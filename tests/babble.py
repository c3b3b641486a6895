"""Models with random weights in memory, over the subwords of any text: what they say is babble."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from transduce.models import folder as model_folder
from transduce.models.folder import Generation, ModelSpec
from transduce.models.model import Model
from transduce.networks.presets import PRESETS
from transduce.text.config import Kind, TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.pair import Tokenizers


def babble(
    lines: Sequence[str], kind: Kind = "unigram", tags: Sequence[str] = (), max_source: int = 40, seed: int = 1
) -> Model:
    """A transformer-tiny of two decoder layers and three encoder layers, with one vocabulary for both sides."""
    config = TokenizerConfig(kind=kind, vocabulary=400, exact=False)
    tokenizer = train(lines, config.side("source"), config, tags)
    spec = ModelSpec(
        network=replace(PRESETS["transformer-tiny"](), encoder_layers=3),
        target_vocabulary=tokenizer.size,
        generation=Generation(beam=2, max_length=12, max_source=max_source),
    )
    torch.manual_seed(seed)
    network = model_folder.build(spec).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "packed" in name:
                parameter.mul_(4)  # attention that is far from even
    return Model(model_folder.Loaded(spec, network, Tokenizers(tokenizer, tokenizer)), "cpu")
