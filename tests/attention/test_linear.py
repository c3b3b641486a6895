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


def leaves(tensors):
    return [each.requires_grad_() for each in tensors]


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
    assert (expected[0, 0] == 0).all()
    gradients = torch.autograd.grad(linear_attend(*leaves(tensors), keys_allowed=allowed).square().sum(), tensors)
    for number in (torch.nan, torch.inf, -torch.inf):
        bad = leaves([query, *(each.detach().masked_fill(~allowed[..., None], number) for each in (key, value))])
        output = linear_attend(*bad, keys_allowed=allowed)
        torch.testing.assert_close(output, expected)
        torch.testing.assert_close(torch.autograd.grad(output.square().sum(), bad), gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shift", [-30.0, -20.0, 0.0, 20.0, 3e4])
@pytest.mark.parametrize("mask", [None, causal()])
def test_large_and_negative_inputs(dtype, shift, mask):
    """Against exp and x + 1 in float64."""
    torch.manual_seed(1)
    inputs = [(shift + torch.randn(1, 1, 40, 4)).to(dtype), *torch.randn(2, 1, 1, 40, 4).to(dtype)]
    query, key, value = (each.double() for each in inputs)
    features = (torch.where(each > 0, each + 1, each.clamp(max=0).exp()) for each in (query, key))
    kernel = next(features) @ next(features).mT
    kernel = kernel if mask is None else kernel.tril()
    expected = kernel / kernel.sum(-1, keepdim=True) @ value
    tolerance = 1e-5 if dtype is torch.float32 else 3e-2
    for backend in ("linear", "reference"):
        each = leaves(inputs)
        output = attend(*each, mask, score=FeatureKernel(), backend=backend)
        torch.testing.assert_close(output.double(), expected, atol=tolerance, rtol=tolerance)
        assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(output.sum(), each))


def test_features_of_very_negative_inputs_are_above_0():
    x = torch.tensor([-1e30, -1000.0, -90.0, -20.0, -1.0, 0.0, 2.0, 1e4], requires_grad=True)
    features = elu_plus_one(x)
    assert (features.square() > 0).all() and features[-3:].tolist() == [1.0, 3.0, 10001.0]
    torch.testing.assert_close(features[3:5], x[3:5].exp())
    (gradient,) = torch.autograd.grad(features.sum(), x)
    torch.testing.assert_close(gradient[3:], torch.tensor([-20.0, -1.0, 0.0, 0.0, 0.0]).exp())
    assert gradient.isfinite().all()
    near = torch.tensor([-20.0, -1.0, 0.5, 3.0]).double().requires_grad_()
    assert torch.autograd.gradcheck(elu_plus_one, near) and torch.autograd.gradgradcheck(elu_plus_one, near)


@pytest.mark.parametrize("backend", ["linear", "reference"])
def test_nan_at_a_key_that_is_seen_shows(backend):
    query, key, value = torch.rand(3, 1, 1, 5, 4)
    key[0, 0, 3] = torch.nan
    assert attend(query, key, value, score=FeatureKernel(), backend=backend).isnan().all()


def test_a_large_later_key_does_not_change_earlier_tokens():
    torch.manual_seed(1)
    query, key, value = torch.rand(3, 1, 1, 300, 4)
    large = key.clone()
    large[:, :, 255] = 1e8
    ours, other = (causal_linear_attend(query, each, value) for each in (large, key))
    assert torch.equal(ours[:, :, :255], other[:, :, :255])


@pytest.mark.parametrize("mask", [None, causal(), everything(), window(5, 5)])
@pytest.mark.parametrize("backend", ["linear", "reference"])
def test_a_query_whose_kernels_are_all_0_gives_zeros(mask, backend):
    if backend == "linear" and mask is not None and mask.band.window is not None:
        return  # no sum respects a window
    score = FeatureKernel(degree_two)
    inputs = leaves(
        [torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]]), torch.tensor([[[[1.0, -1.0]] * 2]]), torch.ones(1, 1, 2, 3)]
    )
    output = attend(*inputs, mask, score=score, backend=backend)
    torch.testing.assert_close(output[0, 0], torch.tensor([[0.0] * 3, [1.0] * 3]))
    assert all(each.isfinite().all() for each in torch.autograd.grad(output.sum(), inputs))


@pytest.mark.parametrize("mask", [None, causal(), within_lengths(torch.tensor([0, 0]))])
def test_no_tokens(mask):
    x = torch.zeros(2, 3, 0, 4)
    assert attend(x, x, x, mask, score=FeatureKernel()).shape == x.shape
    query = torch.zeros(2, 3, 5, 4)
    if mask is None or not mask.band.is_causal:
        assert torch.equal(attend(query, x, x, mask, score=FeatureKernel()), query)


def test_sizes_out_of_range():
    x = torch.zeros(1, 1, 4, 2)
    with pytest.raises(ValueError, match="chunk must be at least 1, found 0"):
        causal_linear_attend(x, x, x, chunk=0)
    with pytest.raises(ValueError, match="width must be at least 1, found 0"):
        PositiveRandomFeatures(0, 4)
    with pytest.raises(ValueError, match="features must be at least 1, found 0"):
        PositiveRandomFeatures(4, 0)


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
