"""Linear attention against the quadratic form of its kernel."""

import pytest
import torch

from transduce.attention.attend import attend, explain
from transduce.attention.linear import (
    PositiveRandomFeatures,
    causal_linear_attend,
    degree_two,
    elu_plus_one,
    linear_attend,
    linear_step,
)
from transduce.attention.masks import causal, everything, window, within_lengths
from transduce.attention.scores import FeatureKernel


def quadratic(query, key, value, feature_map, allowed=None):
    weights = feature_map(query) @ feature_map(key).mT
    if allowed is not None:
        weights = weights * allowed
    return weights / weights.sum(-1, keepdim=True) @ value


@pytest.fixture
def tensors():
    torch.manual_seed(1)
    return torch.randn(2, 3, 37, 4).double(), torch.randn(2, 3, 37, 4).double(), torch.randn(2, 3, 37, 5).double()


MAPS = [elu_plus_one, degree_two, PositiveRandomFeatures(4, 16)]


@pytest.mark.parametrize("feature_map", MAPS)
def test_sums_first_are_the_quadratic_form(tensors, feature_map):
    torch.testing.assert_close(linear_attend(*tensors, feature_map), quadratic(*tensors, feature_map))


def test_degree_two_is_an_exact_kernel(tensors):
    query, key, _ = tensors
    torch.testing.assert_close(degree_two(query) @ degree_two(key).mT, (query @ key.mT) ** 2)


@pytest.mark.parametrize("feature_map", MAPS)
@pytest.mark.parametrize("chunk", [1, 8, 37, 64])
def test_causal_chunks_and_the_recurrence_are_the_masked_quadratic_form(tensors, feature_map, chunk):
    query, key, value = tensors
    expected = quadratic(query, key, value, feature_map, torch.ones(37, 37).tril())
    torch.testing.assert_close(causal_linear_attend(query, key, value, feature_map, chunk), expected)
    state, steps = None, []
    for place in range(37):
        output, state = linear_step(query[..., place, :], key[..., place, :], value[..., place, :], state, feature_map)
        steps.append(output)
    torch.testing.assert_close(torch.stack(steps, -2), expected)


def test_random_features_approach_softmax_attention():
    torch.manual_seed(3)
    query, key, value = torch.randn(3, 1, 64, 8).double() * torch.tensor([0.7, 0.7, 1.0])[:, None, None, None]
    exact = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    errors = []
    for features in (64, 1024, 16384):
        maps = [PositiveRandomFeatures(8, features, seed) for seed in range(5)]
        errors.append(sum((linear_attend(query, key, value, each) - exact).square().mean().sqrt() for each in maps) / 5)
    assert errors[0] > 2 * errors[1] > 4 * errors[2], errors
    assert errors[2] < 0.02


def test_masked_keys_have_no_influence_and_nan_does_not_leak(tensors):
    query, key, value = tensors
    allowed = torch.rand(2, 3, 37) < 0.5
    allowed[0, 0] = False
    expected = linear_attend(query, key, value, keys_allowed=allowed)
    damaged = value.masked_fill(~allowed[..., None], torch.nan)
    torch.testing.assert_close(linear_attend(query, key, damaged, keys_allowed=allowed), expected)
    assert (expected[0, 0] == 0).all()


@pytest.mark.parametrize("mask", [None, causal(), within_lengths(torch.tensor([9, 4])), everything()])
@pytest.mark.parametrize("feature_map", [elu_plus_one, degree_two])
def test_attend_sums_over_the_keys_where_the_mask_allows_it(mask, feature_map):
    torch.manual_seed(3)
    query = torch.randn(2, 4, 9, 5).double()
    key, value = torch.randn(2, 2, 2, 9, 5).double()
    score = FeatureKernel(feature_map)
    assert explain(query, key, mask, score=score).backend == "linear"
    ours = attend(query, key, value, mask, score=score)
    torch.testing.assert_close(ours, attend(query, key, value, mask, score=score, backend="reference"))


def test_other_masks_and_dropout_are_computed_pair_by_pair():
    x, score = torch.zeros(2, 1, 9, 5), FeatureKernel()
    for call in ({"mask": window(2, 2)}, {"dropout": 0.1}, {"bias": torch.zeros(9, 9)}):
        assert explain(x, x, score=score, **call).backend == "reference"
    with pytest.raises(ValueError, match="'linear' cannot do this: it needs a FeatureKernel"):
        attend(x, x, x, backend="linear")
    with pytest.raises(ValueError, match="'sdpa' cannot do this: the score is no scaled dot product"):
        attend(x, x, x, score=score, backend="sdpa")
