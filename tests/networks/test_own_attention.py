"""A mechanism of one's own that a model cannot use: an error, when the model is built, that names its class and method."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from transduce.attention.biases import T5Buckets
from transduce.attention.catalogue import MODEL_ATTENTIONS
from transduce.attention.masks import window
from transduce.attention.mechanism_checks import check_methods
from transduce.attention.model_attention import PLACES, ModelAttention
from transduce.networks.layer_config import CrossingDecoderAttention, DecoderAttention, EncoderAttention
from transduce.networks.presets import decoder_only_tiny, encoder_only_tiny, transformer_tiny


def mechanism(**methods):
    """An instance of a class `Mine` with these methods."""
    return dataclass(frozen=True)(type("Mine", (ModelAttention,), methods))()


def networks(attention):
    """Each network that has a place for it, as a function that builds it."""
    small: Any = {"d_model": 16, "heads": 2, "feed_forward": 8}
    yield lambda: replace(encoder_only_tiny(), encoder=EncoderAttention(attention), **small).build(5)
    yield lambda: replace(decoder_only_tiny(), decoder=DecoderAttention(attention), **small).build(5)
    crossing = CrossingDecoderAttention(cross_attention=attention)
    yield lambda: replace(transformer_tiny(), decoder=crossing, **small).build(5)


@pytest.mark.parametrize(
    "methods, words",
    [
        ({"mask": lambda self: torch.ones(3, 3)}, r"Mine\.mask\(self\) must return a Mask or None, found Tensor"),
        (
            {"mask": lambda self, heads: window(1)},
            r"Mine\.mask\(self\) fails: .*missing 1 required positional argument",
        ),
        (
            {"score": lambda self, query, key: query @ key.transpose(-2, -1)},
            r"Mine\.score\(self, heads, width\) fails: .*'transpose'",
        ),
        ({"score": lambda self: None}, r"Mine\.score\(self, heads, width\) fails"),
        ({"score": lambda self, heads, width: None}, r"whose score\(query, key\) fails: 'NoneType'"),
        (
            {"score": lambda self, heads, width: lambda query, key: (query.unsqueeze(-2) - key.unsqueeze(-3)).abs()},
            r"whose score\(query, key\) must return a tensor of the shape \(2, 2, ., 3\), found \(2, 2, ., 3, 8\)",
        ),
        ({"score": lambda self, heads, width: lambda query, key: 1.0}, r"must return a tensor .* found float"),
        (
            {"normalise": lambda self, heads: lambda scores: scores.softmax(-1)},
            r"Mine\.normalise\(self, heads\) returns a part whose normalise\(scores, allowed\) fails",
        ),
        ({"normalise": lambda self, heads: lambda scores, allowed: scores.sum(-1)}, "of the shape .*, found"),
        ({"bias": lambda self, heads: None}, r"Mine\.bias\(self, heads, causal\) fails"),
        ({"bias": lambda self, heads, causal: torch.zeros(1)}, r"whose at\(distance\) fails: .* no attribute 'at'"),
        ({"bias": lambda self, heads, causal: T5Buckets(3)}, r"whose at\(distance\) must return .*, found \(1, 3, "),
    ],
)
def test_a_method_that_does_not_fit(methods, words):
    for build in networks(mechanism(**methods)):
        with pytest.raises(ValueError, match=words):
            build()


def test_methods_that_fit_change_no_random_numbers():
    weights = []
    for attention in (ModelAttention(), mechanism(normalise=lambda self, heads: _noisy)):
        for build in networks(attention):
            torch.manual_seed(1)
            weights.append(torch.cat([each.flatten() for each in build().parameters()]))
    for standard, own in zip(weights[:3], weights[3:], strict=True):
        assert torch.equal(standard, own)


def _noisy(scores, allowed):
    return (scores + torch.rand(())).softmax(-1)


@pytest.mark.parametrize("place", PLACES)
def test_the_mechanisms_of_the_package_pass(place):
    for kind in MODEL_ATTENTIONS.values():
        if place in kind.places:
            check_methods(type("Own", (kind,), {})(), 2, 8, place)


def test_a_score_that_needs_more_keys_builds():
    attention = mechanism(score=lambda self, heads, width: lambda query, key: key.topk(64, dim=2).values)
    for build in networks(attention):
        build()
