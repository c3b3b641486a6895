"""Attention maps are the weights that the layers use: torch computes the same ones, and they reproduce the outputs."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transduce.attention.multihead import merge_heads
from transduce.attention.positions import Alibi, Rotary, Sinusoidal
from transduce.networks.presets import decoder_only_tiny, encoder_only_tiny, transformer_tiny
from transduce.networks.probes import attention_maps, self_attention_maps, source_attention

V, T = 13, 6
LENGTHS = torch.tensor([5, 2, 4])


def made(**changes):
    torch.manual_seed(0)
    config = replace(transformer_tiny(), d_model=16, heads=2, feed_forward=24, **changes)
    network = config.build(V, V + 2).double().eval()
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
        "encoder": [layer.self_attention for layer in network.encoder.layers],
        "decoder": [layer.self_attention for layer in network.decoder.layers],
        "source": [layer.cross_attention for layer in network.decoder.layers],
    }


def inputs_and_outputs(network, texts):
    """(module, query side, key side, output) of every attention, seen from outside."""
    calls = {}

    def see(kind, place):
        def hook(module, args, output):
            own = kind != "source"
            calls[kind, place] = (module, args[0], args[0] if own else args[1].states, output[0] if own else output)

        return hook

    hooks = [
        module.register_forward_hook(see(kind, place))
        for kind, those in modules(network).items()
        for place, module in enumerate(those)
    ]
    network(*texts)
    for hook in hooks:
        hook.remove()
    return calls


def torchs(module, kind):
    """torch's own module with the same weights."""
    theirs = nn.MultiheadAttention(16, 2, batch_first=True).double()
    theirs.in_proj_weight = module.to_query_key_value.weight
    theirs.in_proj_bias = module.to_query_key_value.bias
    theirs.out_proj.load_state_dict(module.to_output.state_dict())
    return theirs


def test_torch_computes_the_same_weights(network, texts):
    maps = attention_maps(network, *texts)
    for (kind, place), (module, x, memory, output) in inputs_and_outputs(network, texts).items():
        padding = None if kind == "decoder" else torch.arange(5) >= LENGTHS[:, None]
        later = ~torch.ones(T, T, dtype=torch.bool).tril() if kind == "decoder" else None
        theirs, weights = torchs(module, kind)(
            x, memory, memory, key_padding_mask=padding, attn_mask=later, average_attn_weights=False, need_weights=True
        )
        torch.testing.assert_close(getattr(maps, kind)[place], weights, atol=1e-12, rtol=1e-12)
        torch.testing.assert_close(output, theirs, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("changes", [{}, {"key_value_heads": 1, "head_width": 6}], ids=str)
@pytest.mark.parametrize("positions", [Sinusoidal(), Rotary(), Alibi()], ids=str)
def test_weights_reproduce_what_each_layer_gives(positions, changes, texts):
    network = made(positions=positions, **changes)
    maps = attention_maps(network, *texts)
    for (kind, place), (module, _, memory, output) in inputs_and_outputs(network, texts).items():
        values = module.to_query_key_value.part(memory, 2, 3)
        values = module.split_heads(values, module.key_value_heads)[0].repeat_interleave(2 // module.key_value_heads, 1)
        heads = getattr(maps, kind)[place] @ values
        torch.testing.assert_close(module.to_output(merge_heads(heads)), output, atol=1e-12, rtol=1e-12)


def test_maps_of_the_other_kinds(texts):
    torch.manual_seed(2)
    tokens, lengths = texts[0][:, :5], LENGTHS
    decoder = replace(decoder_only_tiny(), d_model=16, heads=2).build(V + 2).double().eval()
    weights = self_attention_maps(decoder, tokens)
    assert weights.shape == (2, 3, 2, 5, 5) and (weights.triu(1) == 0).all()
    packed = self_attention_maps(decoder, tokens, torch.tensor([[0, 0, 1, 1, 1]] * 3))
    assert (packed[..., 2:, :2] == 0).all() and (packed[..., 3, 2] > 0).all()
    encoder = replace(encoder_only_tiny(), d_model=16, heads=2).build(V + 2).double().eval()
    weights = self_attention_maps(encoder, tokens, lengths)
    assert (weights[:, 1, :, :, 2:] == 0).all() and (weights[:, 1, :, :, :2] > 0).all()


def test_an_unknown_layer_is_an_error(network, texts):
    network.decoder.layers[1] = nn.Linear(16, 16)
    with pytest.raises(ValueError, match="layer 1 is a Linear without self_attention"):
        attention_maps(network, *texts)


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
