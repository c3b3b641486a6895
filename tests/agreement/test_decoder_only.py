"""A decoder-only network and grouped heads: LLaMA's attention, packed documents, and PyTorch's fused kernel."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from transduce.attention.cache import Memory
from transduce.attention.mask import DenseMask
from transduce.attention.masks import causal, within_lengths
from transduce.attention.multihead import CrossAttention, SelfAttention
from transduce.attention.positions import Alibi, NoPositions, Positions, Rotary, Sinusoidal
from transduce.attention.scores import ScaledDotProduct
from transduce.networks.presets import decoder_only_tiny

V = 19


@pytest.mark.parametrize("key_value_heads", [1, 2, 4])
def test_grouped_self_attention_with_its_own_head_width_is_llamas(key_value_heads):
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding

    torch.manual_seed(0)
    llama_config = LlamaConfig(
        hidden_size=24,
        num_attention_heads=4,
        num_key_value_heads=key_value_heads,
        head_dim=10,
        attention_bias=True,
        rope_theta=10_000.0,
        attn_implementation="eager",
    )
    theirs = LlamaAttention(llama_config, layer_idx=0).eval()
    ours = SelfAttention(24, 4, Rotary(), key_value_heads=key_value_heads, head_width=10)
    projections = (theirs.q_proj, theirs.k_proj, theirs.v_proj)
    with torch.no_grad():
        ours.to_query_key_value.weight.copy_(torch.cat([each.weight for each in projections]))
        ours.to_query_key_value.bias.copy_(torch.cat([each.bias for each in projections]))
    ours.to_output.load_state_dict(theirs.o_proj.state_dict())
    x = torch.randn(2, 7, 24)
    mask = causal().dense(1, 1, 7, 7)
    turns = LlamaRotaryEmbedding(llama_config)(x, torch.arange(7)[None])
    expected = theirs(x, turns, torch.zeros(1, 1, 7, 7).masked_fill(~mask, -torch.inf))[0]
    torch.testing.assert_close(ours(x, DenseMask(mask))[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("key_value_heads, head_width, scale", [(4, None, None), (2, 10, 0.3), (1, 3, None)])
def test_cross_attention_with_every_part_is_pytorchs(key_value_heads, head_width, scale):
    torch.manual_seed(1)
    ours = CrossAttention(
        24, 4, key_value_heads=key_value_heads, head_width=head_width, score=ScaledDotProduct(scale)
    ).double()
    x, states = torch.randn(2, 5, 24).double(), torch.randn(2, 6, 24).double()
    bias = torch.randn(1, 4, 5, 6).double()
    allowed = within_lengths(torch.tensor([6, 3])).dense(2, 1, 1, 6)
    width = head_width or 6
    sizes = [4 * width, 2 * key_value_heads * width]
    query = ours.to_query_key_value(x).split(sizes, -1)[0].view(2, 5, 4, width).transpose(1, 2)
    packed = ours.to_query_key_value(states).split(sizes, -1)[1]
    key, value = packed.view(2, 6, 2, key_value_heads, width).permute(2, 0, 3, 1, 4)
    heads = F.scaled_dot_product_attention(
        query, key, value, bias.masked_fill(~allowed, -torch.inf), scale=scale, enable_gqa=True
    )
    expected = ours.to_output(heads.transpose(1, 2).flatten(2))
    torch.testing.assert_close(ours(x, Memory(states, DenseMask(allowed)), bias), expected, atol=1e-10, rtol=1e-10)


def test_any_score_and_normaliser_serve_in_heads():
    """Negative distances instead of products, and weights that do not sum to 1."""

    def distance(query, key):
        return -torch.cdist(query, key)

    def half(scores, allowed):
        return scores.sigmoid() if allowed is None else scores.sigmoid().masked_fill(~allowed, 0.0)

    attention = SelfAttention(8, 2, key_value_heads=1, score=distance, normalise=half).double()
    x = torch.randn(1, 5, 8).double()
    query, key, value = attention.queries_keys_values(x, Positions.first(5, x.device))
    weights = distance(query, key.repeat_interleave(2, 1)).sigmoid()
    expected = attention.to_output((weights @ value.repeat_interleave(2, 1)).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x)[0], expected)
    torch.testing.assert_close(attention.weights(x), weights)


@pytest.fixture(params=[Sinusoidal(), Rotary(), Alibi(), NoPositions()], ids=lambda part: type(part).__name__)
def network(request):
    torch.manual_seed(2)
    config = replace(decoder_only_tiny(), d_model=16, feed_forward=24, key_value_heads=2, positions=request.param)
    return config.build(V).double().eval()


def test_no_token_sees_a_later_one(network):
    first, second = torch.randint(0, V, (2, 9)), torch.randint(0, V, (2, 9))
    second[:, :4] = first[:, :4]
    torch.testing.assert_close(network(first)[:, :4], network(second)[:, :4])


@pytest.mark.parametrize("pieces", [[1] * 12, [5, 1, 6]])
def test_the_whole_pass_is_that_of_steps_with_a_cache(network, pieces):
    tokens = torch.randint(0, V, (3, 12))
    whole = network(tokens)
    cache, hidden = network.empty_cache(3), []
    for piece in tokens.split(pieces, dim=1):
        new, cache = network.decode(piece, cache)
        hidden.append(new)
    torch.testing.assert_close(torch.cat(hidden, 1), whole, atol=1e-12, rtol=1e-12)


def test_packed_documents_are_separate_documents(network):
    """Values and gradients; the second row's middle document has one token, and padding is a document too."""
    documents = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1], [3, 3, 5, 7, 7, 7, -1, -1]])
    tokens = torch.randint(0, V, (2, 8))
    packed = network(tokens, documents)
    apart = []
    for row, numbers in zip(tokens, documents, strict=True):
        apart += [network(row[numbers == number][None])[0] for number in numbers.unique_consecutive()]
    separate = torch.cat(apart).view_as(packed)
    torch.testing.assert_close(packed, separate, atol=1e-12, rtol=1e-12)
    weight = torch.randn_like(packed)
    parameters = [parameter for parameter in network.parameters()]
    mine, other = (torch.autograd.grad((x * weight).sum(), parameters) for x in (packed, separate))
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)
