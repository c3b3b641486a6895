"""Position encodings of the catalogue of layers, against transformers and against their properties."""

import math

import pytest
import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gptj import modeling_gptj as gptj
from transformers.models.llama import modeling_llama as llama

from transduce.attention.position_layers import alibi_bias, learned_positions, rotate_halves, rotate_neighbours
from transduce.attention.positions import sinusoidal

T, E = 7, 8
POSITIONS = torch.arange(T)


def heads() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 3, T, E)


def test_sinusoidal_products_depend_on_the_distance_only() -> None:
    table = sinusoidal(torch.arange(50), 16).double()
    for distance in (1, 7):
        products = (table[: 50 - distance] * table[distance:]).sum(-1)
        torch.testing.assert_close(products, products[0].expand_as(products), rtol=1e-5, atol=1e-5)


def test_halves_as_in_llama() -> None:
    x = heads()
    config = llama.LlamaConfig(hidden_size=3 * E, num_attention_heads=3, head_dim=E)
    cosines, sines = llama.LlamaRotaryEmbedding(config)(x, POSITIONS[None])
    expected, _ = llama.apply_rotary_pos_emb(x, x, cosines, sines)
    torch.testing.assert_close(rotate_halves(x, POSITIONS), expected)


def test_neighbours_as_in_gptj() -> None:
    x = heads()
    sines, cosines = gptj.create_sinusoidal_positions(T, E).chunk(2, -1)
    expected = gptj.apply_rotary_pos_emb(x.transpose(1, 2), sines[None], cosines[None]).transpose(1, 2)
    torch.testing.assert_close(rotate_neighbours(x, POSITIONS), expected)


def test_both_layouts_are_one_after_a_permutation() -> None:
    x = heads()
    permuted = torch.cat([x[..., 0::2], x[..., 1::2]], -1)
    turned = rotate_neighbours(x, POSITIONS)
    expected = torch.cat([turned[..., 0::2], turned[..., 1::2]], -1)
    torch.testing.assert_close(rotate_halves(permuted, POSITIONS), expected)


@pytest.mark.parametrize("rotate", [rotate_halves, rotate_neighbours])
def test_turns_keep_lengths_and_scores_depend_on_distances(rotate) -> None:
    query, key = heads()[0, :2]  # (T, E) each
    torch.testing.assert_close(rotate(query, POSITIONS).norm(dim=-1), query.norm(dim=-1))
    scores, later = (rotate(query, places) @ rotate(key, places).T for places in (POSITIONS, POSITIONS + 11))
    torch.testing.assert_close(scores, later, rtol=1e-4, atol=1e-4)


def test_learned_positions_are_rows_of_a_table() -> None:
    x, weight = torch.zeros(2, 3, 4), torch.randn(5, 4)
    torch.testing.assert_close(learned_positions(x, weight), weight[:3].expand(2, 3, 4))
    with pytest.raises(ValueError, match="the table has 5 positions, found a text of 6 tokens"):
        learned_positions(torch.zeros(1, 6, 4), weight)


def test_alibi_gives_the_weights_of_bloom() -> None:
    """BLOOM adds slope * j, which differs by a constant for each query."""
    scores, mask = torch.randn(4, T, T), torch.ones(T, T).tril().bool()
    theirs = build_alibi_tensor(torch.ones(1, T), 4, torch.float32).view(4, 1, T)
    ours = alibi_bias(4, T, T)[0]
    weights = [(scores + bias).masked_fill(~mask, -math.inf).softmax(-1) for bias in (theirs, ours)]
    torch.testing.assert_close(*weights)
