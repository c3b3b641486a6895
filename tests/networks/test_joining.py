"""Requests that join a running batch of a real network get the outputs that they get alone."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from transduce.decoding.config import Decoding
from transduce.decoding.engine import Engine, decode_all
from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.requests import Request
from transduce.decoding.strategies.sampling import Sampling
from transduce.networks.presets import decoder_only_tiny, transformer_tiny
from transduce.networks.stepping import decodable

SPECIAL = SpecialIds(pad=0, start=2, end=3)
SOURCES = [[5, 4, 9, 12] * 5, [8, 3], [6, 6, 7, 10, 11, 3], [7]]
PROMPTS = [[5, 6, 7] * 7, [], [9], [4, 4, 6]]
SEARCHES = [
    {"beam": 1},
    {"beam": 4, "n_best": 4},
    {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.5},
    {"n_best": 3, "sampling": Sampling()},
]


@pytest.mark.parametrize("strategy", SEARCHES)
@pytest.mark.parametrize("kind", ["encoder-decoder", "decoder-only"])
def test_requests_join_at_different_steps(kind: str, strategy: dict[str, Any]) -> None:
    torch.manual_seed(0)
    encoder_decoder = kind == "encoder-decoder"
    config = transformer_tiny() if encoder_decoder else decoder_only_tiny()
    model = decodable(replace(config, d_model=16, feed_forward=24).build(13).double().eval())
    how = Decoding(no_repeat_ngram=3, coverage_penalty=0.4 if encoder_decoder else 0.0, **strategy)
    requests = [
        Request(source if encoder_decoder else None, prompt, 9, place)
        for place, (source, prompt) in enumerate(zip(SOURCES, PROMPTS, strict=True))
    ]
    engine, outputs = Engine(model, how, SPECIAL), {}
    for number in (1, 0, 3, 2):  # a longer prompt and source come second
        engine.submit({number: requests[number]})
        for _ in range(2):
            outputs |= engine.step()
    while engine.running:
        outputs |= engine.step()
    for number, request in enumerate(requests):
        (alone,) = decode_all(model, [request], how, SPECIAL)
        assert [h.ids for h in outputs[number]] == [h.ids for h in alone]
        assert [h.score for h in outputs[number]] == pytest.approx([h.score for h in alone], rel=1e-5)
