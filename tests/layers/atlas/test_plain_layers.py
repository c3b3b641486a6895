"""Linear map, activations, softmax, embedding, residuals and dropout."""

import math

import pytest
import torch
from layer_agreement import agree
from torch import nn
from torch.nn import functional as F

from transduce.layers.atlas.activation_functions import gelu, relu, sigmoid, silu, tanh
from transduce.layers.atlas.embedding import embedding
from transduce.layers.atlas.inverted_dropout import dropout, dropout2d
from transduce.layers.atlas.linear_map import linear
from transduce.layers.atlas.residual import post_norm, pre_norm
from transduce.layers.atlas.softmax import softmax


def test_linear():
    agree(linear, F.linear, torch.randn(2, 3, 4), torch.randn(5, 4), torch.randn(5))
    agree(linear, F.linear, torch.randn(3, 4), torch.randn(5, 4))


def test_initial_weights_of_the_linear_map():
    bound = 1 / math.sqrt(16)
    module = nn.Linear(16, 4000)
    for each in (module.weight, module.bias):
        assert 0.95 * bound < each.abs().max().item() <= bound
        assert each.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)


@pytest.mark.parametrize(
    ("reference", "function"),
    [(relu, F.relu), (sigmoid, torch.sigmoid), (tanh, torch.tanh), (gelu, F.gelu), (silu, F.silu)],
)
def test_activations(reference, function):
    agree(reference, function, torch.randn(200) * 3)
    extreme = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4])
    torch.testing.assert_close(reference(extreme), function(extreme))


def test_softmax():
    agree(softmax, lambda x: x.softmax(-1), torch.randn(3, 5) * 4)
    agree(lambda x: softmax(x, 0), lambda x: x.softmax(0), torch.randn(3, 5))
    assert softmax(torch.tensor([1e4, 0.0])).tolist() == [1, 0]


def test_embedding():
    ids = torch.tensor([[2, 0, 1], [1, 1, 0]])
    agree(lambda w: embedding(ids, w, padding=1), lambda w: F.embedding(ids, w, padding_idx=1), torch.randn(3, 4))
    weight = torch.randn(3, 4)
    torch.testing.assert_close(embedding(ids, weight), F.one_hot(ids, 3).float() @ weight)


def test_the_row_of_the_padding_begins_as_zeros_and_gets_no_gradient():
    module = nn.Embedding(3, 4, padding_idx=1)
    assert not module.weight[1].any()
    weight = torch.randn(3, 4, requires_grad=True)
    embedding(torch.tensor([0, 1, 1]), weight, padding=1).sum().backward()
    assert weight.grad is not None and weight.grad[:, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(("order", "norm_first"), [(post_norm, False), (pre_norm, True)])
def test_two_residuals_are_a_transformer_layer(order, norm_first):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first).eval()
    x = torch.randn(2, 5, 8)
    y = order(x, lambda each: layer.self_attn(each, each, each)[0], layer.norm1)
    y = order(y, lambda each: layer.linear2(F.relu(layer.linear1(each))), layer.norm2)
    torch.testing.assert_close(y, layer(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_dropout_by_its_values_mean_and_rate(p):
    torch.manual_seed(0)
    x = torch.ones(200_000)
    keep = torch.rand_like(x) >= p
    for y in (dropout(x, keep, p), nn.Dropout(p)(x)):
        assert set(y.unique().tolist()) <= {0.0, torch.tensor(1 / (1 - p)).item()}
        assert y.mean().item() == pytest.approx(1, abs=0.03)
        assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    torch.testing.assert_close(nn.Dropout(p).eval()(x), x)


def test_all_dropped_is_zero_not_nan():
    x = torch.ones(4)
    assert dropout(x, torch.zeros(4, dtype=torch.bool), 1.0).tolist() == nn.Dropout(1.0)(x).tolist() == [0, 0, 0, 0]


def test_dropout_of_channels():
    torch.manual_seed(0)
    x = torch.randn(50, 40, 2, 3)
    expected = nn.Dropout2d(0.3)(x)
    keep = (expected != 0).any(-1).any(-1)
    torch.testing.assert_close(dropout2d(x, keep, 0.3), expected)
    assert keep.float().mean().item() == pytest.approx(0.7, abs=0.05)


def test_gradients_pass_where_units_stay():
    keep = torch.tensor([True, False])
    agree(lambda x: dropout(x, keep, 0.5), lambda x: x * torch.tensor([2.0, 0.0]).to(x), torch.randn(2))
