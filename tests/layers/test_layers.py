"""Layers against torch.nn and their definitions."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from transduce.attention.positions import (
    Alibi,
    NoPositions,
    Positions,
    Rotary,
    Sinusoidal,
    alibi_slopes,
    rotary,
    rotate,
    sinusoidal,
)
from transduce.layers.dropout import Dropout, dropout, keep_mask, layers_to_run
from transduce.layers.feed_forward import FeedForward
from transduce.layers.initialise import embedding
from transduce.layers.norms import LayerNorm, RMSNorm
from transduce.layers.packed_linear import PackedLinear


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


def test_positions_are_looked_up_in_a_table_of_the_number_format():
    near = Sinusoidal().embed(torch.zeros(1, 4, 8, dtype=torch.bfloat16), Positions.first(4, torch.device("cpu")))
    assert near.dtype == torch.bfloat16
    far = Sinusoidal().embed(torch.zeros(1, 2, 8), Positions(torch.tensor([[700, 3]]), 701))
    torch.testing.assert_close(far, sinusoidal(torch.tensor([[700, 3]]), 8))


def test_a_table_that_inference_mode_has_filled_serves_training():
    with torch.inference_mode():
        Sinusoidal(base=77.0).embed(torch.zeros(1, 4, 8), Positions.first(4, torch.device("cpu")))
    x = torch.zeros(1, 4, 8, requires_grad=True)
    (Sinusoidal(base=77.0).embed(x, Positions.first(4, torch.device("cpu"))) ** 2).sum().backward()
    assert x.grad is not None


def test_no_positions_change_nothing():
    x, positions, kind = torch.randn(1, 4, 8), Positions.first(4, torch.device("cpu")), NoPositions()
    assert kind.embed(x, positions) is x and kind.bias(2, positions, positions, x.dtype) is None
    assert kind.rotate(x[None], x[None], positions)[0].shape == (1, 1, 4, 8)


@pytest.mark.parametrize("heads", [1, 4, 6, 8, 12])
def test_alibi_is_that_of_bloom(heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    keys = Positions.first(5, torch.device("cpu"))
    last = build_alibi_tensor(torch.ones(1, 5), heads, torch.float32).view(heads, 5)  # slope * key position
    ours = Alibi().bias(heads, Positions(torch.tensor([[4]]), 5), keys, torch.float32)[0, :, 0]
    torch.testing.assert_close(ours - ours[:, :1], last)  # the same up to a constant in each row
    assert alibi_slopes(4) == [1 / 4, 1 / 16, 1 / 64, 1 / 256]


def test_alibi_of_two_heads_as_matrices():
    """Slopes 1/16 and 1/256; rows are queries, columns are keys."""
    positions = Positions.first(3, torch.device("cpu"))
    distances = torch.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    expected = torch.stack([-distances / 16, -distances / 256])[None]
    torch.testing.assert_close(Alibi().bias(2, positions, positions, torch.float32), expected)


def test_rotary_is_llamas():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

    config = LlamaConfig(hidden_size=24, num_attention_heads=3, rope_theta=500.0)
    query, key = torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    positions = torch.stack([torch.arange(7), torch.arange(100, 107)])
    theirs = apply_rotary_pos_emb(query, key, *LlamaRotaryEmbedding(config)(query, positions))
    turned = Rotary(base=500.0).rotate(query, key, Positions(positions, 107))
    for ours, other in zip(turned, theirs, strict=True):
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
        Rotary().check(5)


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
    linear = PackedLinear(64, 64, 16, 16)
    assert linear.weight.shape == (96, 64) and (linear.bias == 0).all()
    for part in linear.weight.split([64, 16, 16]):
        bound = math.sqrt(6 / (64 + len(part)))
        assert 0.95 * bound < part.abs().max() <= bound


def test_a_part_of_packed_maps_is_that_of_the_whole():
    linear = PackedLinear(8, 6, 2, 4)
    x = torch.randn(3, 5, 8)
    for first, last, features in [(0, 1, slice(6)), (1, 3, slice(6, 12)), (2, 3, slice(8, 12)), (0, 3, slice(12))]:
        torch.testing.assert_close(linear.part(x, first, last), linear(x)[..., features])


def test_embeddings_begin_at_unit_size_after_scaling():
    weight = torch.empty(2000, 64)
    embedding(weight, 64)
    assert (weight * 8).std().item() == pytest.approx(1.0, abs=0.02)


def test_layer_dropout_leaves_out_its_share_and_nothing_outside_of_training():
    torch.manual_seed(3)
    assert abs(len(layers_to_run(20_000, 0.3, True)) / 20_000 - 0.7) < 0.02
    assert layers_to_run(3, 0.3, False) == [0, 1, 2] == layers_to_run(3, 0.0, True)


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        (LayerNorm, {"eps": 0.0}, "eps must be above 0, found 0"),
        (RMSNorm, {"eps": -1.0}, "eps must be above 0, found -1"),
        (Rotary, {"base": 1.0}, "base must be above 1, found 1"),
        (Sinusoidal, {"base": math.nan}, "base must be above 1, found nan"),
    ],
)
def test_settings_out_of_range_are_refused(part, settings, message):
    with pytest.raises(ValueError, match=message):
        part(**settings)
