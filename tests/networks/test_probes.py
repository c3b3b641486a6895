"""Attention maps are the weights that the layers use: torch computes the same ones, and they reproduce the outputs."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transduce.attention.positions import Rotary, Sinusoidal
from transduce.networks.presets import transformer_tiny
from transduce.networks.probes import attention_maps, source_attention
from transduce.networks.transformer import EncoderDecoder

V, T = 13, 6
LENGTHS = torch.tensor([5, 2, 4])


def made(**changes):
    torch.manual_seed(0)
    config = replace(transformer_tiny(), d_model=16, heads=2, feed_forward=24, **changes)
    network = EncoderDecoder(config, V, V + 2).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))  # far from uniform attention
    return network


@pytest.fixture(params=["post", "pre"])
def network(request):
    return made(norm_placement=request.param)


@pytest.fixture
def texts():
    torch.manual_seed(1)
    return torch.randint(0, V + 2, (3, 5)), LENGTHS, torch.randint(0, V, (3, T))


def modules(network):
    return {
        "encoder": [layer.attention for layer in network.encoder.layers],
        "decoder": [layer.self_attention for layer in network.decoder.layers],
        "source": [layer.memory_attention for layer in network.decoder.layers],
    }


def inputs_and_outputs(network, texts):
    """(module, query side, key side, output) of every attention, seen from outside."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda m, args, out, key=(kind, place): seen.update({key: (m, *args[:2], out)}))
        for kind, those in modules(network).items()
        for place, module in enumerate(those)
    ]
    network.hidden(*texts)
    for hook in hooks:
        hook.remove()
    return seen


def test_torch_computes_the_same_weights(network, texts):
    maps = attention_maps(network, *texts)
    for (kind, place), (module, x, memory, _) in inputs_and_outputs(network, texts).items():
        theirs = nn.MultiheadAttention(16, 2, batch_first=True).double()
        theirs.in_proj_weight, theirs.in_proj_bias = module.packed_weight, module.packed_bias
        padding = None if kind == "decoder" else torch.arange(5) >= LENGTHS[:, None]
        later = ~torch.ones(T, T, dtype=torch.bool).tril() if kind == "decoder" else None
        _, weights = theirs(
            x, memory, memory, key_padding_mask=padding, attn_mask=later, average_attn_weights=False, need_weights=True
        )
        torch.testing.assert_close(getattr(maps, kind)[place], weights, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("positions", [Sinusoidal(), Rotary()], ids=str)
def test_weights_reproduce_what_each_layer_gives(positions, texts):
    network = made(positions=positions)
    maps = attention_maps(network, *texts)
    for (kind, place), (module, _, memory, output) in inputs_and_outputs(network, texts).items():
        values = module.keys_values(memory)[1]
        heads = getattr(maps, kind)[place] @ values
        torch.testing.assert_close(module.joined(heads), output, atol=1e-12, rtol=1e-12)


def test_rows_sum_to_one_and_nothing_masked_is_seen(network, texts):
    maps = attention_maps(network, *texts)
    for weights in (maps.encoder, maps.decoder, maps.source):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1], dtype=weights.dtype))
    assert (maps.decoder.triu(1) == 0).all()
    for sentence, length in enumerate(LENGTHS.tolist()):
        assert (maps.encoder[:, sentence, :, :, length:] == 0).all()
        assert (maps.source[:, sentence, :, :, length:] == 0).all()
    assert maps.source[..., 0].min() > 0


def test_means_over_the_heads_of_chosen_layers(network, texts):
    maps = attention_maps(network, *texts)
    for layers in ([0], [1], [0, 1]):
        means = source_attention(network, *texts, layers)
        torch.testing.assert_close(means, maps.source[layers].mean((0, 2)), atol=1e-12, rtol=1e-12)


def test_looking_leaves_no_trace(network, texts):
    before = network(*texts)
    attention_maps(network, *texts)
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert torch.equal(network(*texts), before) and before.requires_grad
    with pytest.raises(IndexError):
        attention_maps(network, texts[0], LENGTHS, torch.full((3, T), V + 5))  # ids that are none
    assert not any(module._forward_pre_hooks for module in network.modules())
