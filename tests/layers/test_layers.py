"""Layers against torch.nn and their definitions."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from transduce.attention.positions import Rotary, Sinusoidal, rotary, rotate, sinusoidal
from transduce.layers.dropout import Dropout, dropout, keep_mask, present
from transduce.layers.feed_forward import FeedForward
from transduce.layers.initialise import embedding, xavier_blocks
from transduce.layers.norms import LayerNorm, RMSNorm


def test_layer_norm_of_the_worked_example():
    norm = LayerNorm().module(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2, 3]))
        norm.bias.copy_(torch.tensor([-1.0, -2, -3]))
    out = norm(torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
    root = math.sqrt(3 / 2)  # the deviation 1 over the standard deviation sqrt(2 / 3)
    torch.testing.assert_close(out, torch.tensor([[-root - 1, -2.0, 3 * root - 3]]).expand(2, 3), atol=1e-4, rtol=1e-4)


def test_rms_norm_is_torchs():
    x = torch.randn(4, 6, dtype=torch.float64)
    ours, theirs = RMSNorm(eps=1e-6).module(6).double(), nn.RMSNorm(6, eps=1e-6).double()
    torch.testing.assert_close(ours(x), theirs(x))


def test_sinusoidal_by_the_papers_formula():
    table = sinusoidal(torch.arange(50), 6)
    for position in (0, 1, 49):
        for i in range(3):
            angle = position / 10_000 ** (2 * i / 6)
            assert table[position, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)
    assert sinusoidal(torch.arange(3), 5).shape == (3, 5)


def test_the_position_table_grows_and_is_not_rounded_by_a_cast_of_the_module():
    module = Sinusoidal().added(8)
    module(torch.arange(4), 4, torch.bfloat16)
    module.to(torch.bfloat16)
    far = module(torch.tensor([[700, 3]]), 701, torch.float32)
    torch.testing.assert_close(far, sinusoidal(torch.tensor([[700, 3]]), 8))
    assert not module.state_dict()


def test_rotary_is_llamas():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

    config = LlamaConfig(hidden_size=24, num_attention_heads=3, rope_theta=500.0)
    query, key = torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    positions = torch.stack([torch.arange(7), torch.arange(100, 107)])
    theirs = apply_rotary_pos_emb(query, key, *LlamaRotaryEmbedding(config)(query, positions))
    rotation = Rotary(base=500.0).rotation(8)
    for ours, other in zip(rotation(query, key, positions, 107), theirs, strict=True):
        torch.testing.assert_close(ours, other, atol=1e-5, rtol=1e-5)


def test_rotated_products_depend_on_distances_only_and_lengths_stay():
    query, key = torch.randn(6, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    turned = [rotate(x.expand(50, 6), rotary(torch.arange(50), 6).double()) for x in (query, key)]
    products = turned[0] @ turned[1].T
    for distance in (-7, 0, 3):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(turned[0].norm(dim=-1), query.norm().expand(50), atol=1e-6, rtol=1e-6)
    with pytest.raises(ValueError, match="even width, found 5"):
        Rotary().rotation(5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.01])
def test_dropout_keeps_the_share_and_the_mean(dtype, probability):
    torch.manual_seed(0)
    x = torch.ones(1000, 1003, dtype=dtype)
    out = dropout(x, probability, training=True)
    zeros = (out == 0).double().mean().item()
    sigma = math.sqrt(probability * (1 - probability) / x.numel())
    assert abs(zeros - probability) < 5 * sigma + 1 / 32768
    assert out[out != 0].unique().numel() == 1
    assert out.double().mean().item() == pytest.approx(1.0, abs=0.01)


def test_dropped_elements_are_independent_of_their_neighbours():
    """Four elements come from one draw of 64 bits: no correlation at distances 1 to 4."""
    torch.manual_seed(0)
    mask = keep_mask(400_000, 16384).double() - 0.5
    for distance in range(1, 5):
        assert abs((mask[:-distance] * mask[distance:]).mean()) * 4 < 5 / math.sqrt(len(mask))


def test_dropout_gradient_is_the_same_mask():
    x = torch.randn(7, 9, requires_grad=True)
    out = dropout(x, 0.4, training=True)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient * x, out)


def test_dropout_is_off_outside_training_and_refuses_nonsense():
    x = torch.randn(5)
    assert dropout(x, 0.5, training=False) is x
    assert Dropout(0.5).eval()(x) is x
    with pytest.raises(ValueError, match="dropout must be at least 0 and below 1, found 1"):
        dropout(x, 1.0, training=True)


def test_feed_forward_is_its_formula():
    layer = FeedForward(4, 6, F.relu)
    x = torch.randn(2, 3, 4)
    expected = (x @ layer.inner.weight.t() + layer.inner.bias).clamp(min=0) @ layer.outer.weight.t() + layer.outer.bias
    torch.testing.assert_close(layer(x), expected)


def test_xavier_of_packed_maps_is_that_of_each_map():
    weight = torch.empty(3 * 64, 64)
    xavier_blocks(weight, 3)
    bound = math.sqrt(6 / (64 + 64))
    assert weight.abs().max() <= bound
    for block in weight.chunk(3):
        assert block.abs().max() > 0.95 * bound


def test_embeddings_begin_at_unit_size_after_scaling():
    weight = torch.empty(2000, 64)
    embedding(weight, 64)
    assert (weight * 8).std().item() == pytest.approx(1.0, abs=0.02)


def test_layer_dropout_leaves_out_its_share_and_nothing_outside_of_training():
    layers = [nn.Identity() for _ in range(20_000)]
    torch.manual_seed(3)
    assert abs(len(present(layers, 0.3, True)) / len(layers) - 0.7) < 0.02
    assert present(layers, 0.3, False) == layers == present(layers, 0.0, True)
