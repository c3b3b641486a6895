"""Starting from another network: the same weights compute the same, and what is new is named."""

from dataclasses import replace

import pytest
import torch

from transduce.networks.heads import ClassHead
from transduce.networks.presets import decoder_only_tiny, encoder_only_tiny, transformer_tiny
from transduce.networks.transfer import kind_of_names, transfer

V = 13
TOKENS, LENGTHS = torch.randint(0, V, (2, 5), generator=torch.Generator().manual_seed(1)), torch.tensor([5, 3])


def small(preset, *arguments, **changes):
    return replace(preset(), d_model=16, heads=2, feed_forward=24, **changes).build(*arguments).eval()


def weights(network):
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


@pytest.mark.parametrize("source_vocabulary", [None, V])
def test_an_encoder_of_an_encoder_decoder_becomes_an_encoder_only(source_vocabulary):
    torch.manual_seed(0)
    start = small(transformer_tiny, V + 2 if source_vocabulary else V, source_vocabulary)
    network = small(encoder_only_tiny, V, ClassHead(16, 3))
    result = transfer(weights(start), network)
    assert result.new == ("head.classes.weight", "head.classes.bias")
    assert len(result.taken) + 2 == len(dict(network.named_parameters()))
    torch.testing.assert_close(network(TOKENS, LENGTHS), start.encode(TOKENS, LENGTHS).states)


def test_a_decoder_only_body_becomes_an_encoder_only_and_back():
    torch.manual_seed(0)
    start, network = small(decoder_only_tiny, V), small(encoder_only_tiny, V)
    assert transfer(weights(start), network).new == ()
    one = torch.ones(2, dtype=torch.int64)  # a token alone sees the same in both
    torch.testing.assert_close(network(TOKENS[:, :1], one), start(TOKENS[:, :1]))
    other = small(decoder_only_tiny, V)
    assert transfer(weights(network), other).new == ()
    torch.testing.assert_close(other(TOKENS)[0], start(TOKENS)[0])


def test_a_decoder_only_becomes_a_decoder_whose_cross_attention_is_new():
    torch.manual_seed(0)
    start, network = small(decoder_only_tiny, V), small(transformer_tiny, V)
    result = transfer(weights(start), network)
    assert all(".cross_attention." in name or ".cross_attention_norm." in name for name in result.new)
    assert len(result.new) == 2 * (6 + 2)
    for layer in network.decoder.layers:
        layer.cross_attention.to_output.weight.data.zero_()
    hidden = network(TOKENS, LENGTHS, TOKENS)
    torch.testing.assert_close(hidden, start(TOKENS))


def test_a_decoder_becomes_a_decoder_only():
    torch.manual_seed(0)
    start, network = small(transformer_tiny, V), small(decoder_only_tiny, V)
    assert transfer(weights(start), network).new == ()
    for layer in start.decoder.layers:
        layer.cross_attention.to_output.weight.data.zero_()
    torch.testing.assert_close(start(TOKENS, LENGTHS, TOKENS), network(TOKENS))


def test_heads_of_one_kind_and_shape_are_taken():
    start = small(encoder_only_tiny, V, ClassHead(16, 3))
    same, other = small(encoder_only_tiny, V, ClassHead(16, 3)), small(encoder_only_tiny, V, ClassHead(16, 4))
    assert transfer(weights(start), same).new == ()
    assert transfer(weights(start), other).new == ("head.classes.weight", "head.classes.bias")
    assert torch.equal(same.head.classes.weight, start.head.classes.weight)


def test_other_sizes_are_refused_and_nothing_is_changed():
    start, network = small(decoder_only_tiny, V), small(encoder_only_tiny, V + 1)
    before = weights(network)
    with pytest.raises(
        ValueError, match=r"embedding\.weight should be \(14, 16\), but embedding\.weight of .* is \(13, 16\)"
    ):
        transfer(weights(start), network)
    assert all(torch.equal(before[name], parameter) for name, parameter in network.named_parameters())


def test_kinds_are_told_by_names():
    for preset, kind in ((transformer_tiny, "encoder-decoder"), (decoder_only_tiny, "decoder-only")):
        assert kind_of_names(weights(small(preset, V))) == kind
    assert kind_of_names(weights(small(encoder_only_tiny, V))) == "encoder-only"
    with pytest.raises(ValueError, match="found the parts lstm"):
        kind_of_names(["lstm.weight"])
    with pytest.raises(ValueError, match="Linear"):
        transfer(weights(small(decoder_only_tiny, V)), torch.nn.Linear(2, 2))
