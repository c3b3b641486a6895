"""Small recurrent and convolutional networks for tests: every cell, attention and wiring."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from transduce.networks.presets import convolutional_tiny, recurrent_tiny
from transduce.networks.recurrent import Bahdanau, Luong
from transduce.networks.recurrent_attention import ATTENTIONS, LocalMonotonicAttention, LocalPredictiveAttention
from transduce.networks.source_to_target import SourceToTarget

WIRINGS = {"luong": Luong(), "input-feeding": Luong(input_feeding=True), "bahdanau": Bahdanau()}
OWN = {"local-m": LocalMonotonicAttention(window=2), "local-p": LocalPredictiveAttention(window=2)}
ATTENTION_PARTS = {name: part() for name, part in ATTENTIONS.items()} | OWN


def changes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and changes of every cell x attention x wiring; deep ones and those in one direction beside them."""
    for cell in ("lstm", "gru"):
        for attention, part in ATTENTION_PARTS.items():
            for wiring, own in WIRINGS.items():
                deep = {"encoder_layers": 2, "decoder_layers": 2} if attention == "additive" else {}
                one = {"bidirectional": False} if attention == "dot" else {}
                yield f"{cell} {attention} {wiring}", {"cell": cell, "attention": part, "wiring": own, **deep, **one}


RECURRENT = dict(changes())
CONVOLUTIONAL: dict[str, dict[str, Any]] = {
    "convolutional": {},
    "convolutional, kernel 5": {"kernel": 5, "weight_norm": False},
    "convolutional, kernel 1": {"kernel": 1},
}
NETWORKS = [*RECURRENT, *CONVOLUTIONAL]


def build(name: str, vocabulary: int, source_vocabulary: int | None = None) -> SourceToTarget:
    """In double precision and evaluation mode, with weights that make a difference between tokens."""
    torch.manual_seed(0)
    if name in RECURRENT:
        config = replace(recurrent_tiny(), d_model=8, **RECURRENT[name])
    else:
        config = replace(convolutional_tiny(), d_model=8, places=40, **CONVOLUTIONAL[name])
    network: SourceToTarget = config.build(vocabulary, source_vocabulary).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    return network
