"""Starting from another network: the same weights compute the same, and what is new is named."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transduce.networks.heads import ClassHead
from transduce.networks.presets import decoder_only_tiny, encoder_only_tiny, transformer_tiny
from transduce.networks.transfer import transfer

V = 13
TOKENS, LENGTHS = torch.randint(0, V, (2, 5), generator=torch.Generator().manual_seed(1)), torch.tensor([5, 3])


def config(preset):
    return replace(preset(), d_model=16, heads=2, feed_forward=24)


def small(preset, *arguments):
    return config(preset).build(*arguments).eval()


def moved(start, preset, network, new_preset):
    """The transfer from a network of one preset to one of another."""
    return transfer(start, config(preset), network, config(new_preset))


def weights(network):
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


@pytest.mark.parametrize("source_vocabulary", [None, V])
def test_an_encoder_of_an_encoder_decoder_becomes_an_encoder_only(source_vocabulary):
    torch.manual_seed(0)
    start = small(transformer_tiny, V + 2 if source_vocabulary else V, source_vocabulary)
    network = small(encoder_only_tiny, V, ClassHead(16, 3))
    result = moved(start, transformer_tiny, network, encoder_only_tiny)
    assert result.new == ("head.classes.weight", "head.classes.bias")
    assert len(result.matches) + 2 == len(dict(network.named_parameters()))
    torch.testing.assert_close(network(TOKENS, LENGTHS), start.encode(TOKENS, LENGTHS).states)


def test_a_decoder_only_body_becomes_an_encoder_only_and_back():
    torch.manual_seed(0)
    start, network = small(decoder_only_tiny, V), small(encoder_only_tiny, V)
    assert moved(start, decoder_only_tiny, network, encoder_only_tiny).new == ()
    one = torch.ones(2, dtype=torch.int64)  # a token alone sees the same in both
    torch.testing.assert_close(network(TOKENS[:, :1], one), start(TOKENS[:, :1]))
    other = small(decoder_only_tiny, V)
    assert moved(network, encoder_only_tiny, other, decoder_only_tiny).new == ()
    torch.testing.assert_close(other(TOKENS)[0], start(TOKENS)[0])


def test_a_decoder_only_becomes_a_decoder_whose_cross_attention_is_new():
    torch.manual_seed(0)
    start, network = small(decoder_only_tiny, V), small(transformer_tiny, V)
    result = moved(start, decoder_only_tiny, network, transformer_tiny)
    assert all(".cross_attention." in name or ".cross_attention_norm." in name for name in result.new)
    assert len(result.new) == 2 * (4 + 2)
    for layer in network.decoder.layers:
        layer.cross_attention.to_output.weight.data.zero_()
    hidden = network(TOKENS, LENGTHS, TOKENS)
    torch.testing.assert_close(hidden, start(TOKENS))


@pytest.mark.parametrize("source_vocabulary", [None, V, V + 2])
def test_a_decoder_becomes_a_decoder_only(source_vocabulary):
    torch.manual_seed(0)
    start, network = small(transformer_tiny, V, source_vocabulary), small(decoder_only_tiny, V)
    assert moved(start, transformer_tiny, network, decoder_only_tiny).new == ()
    for layer in start.decoder.layers:
        layer.cross_attention.to_output.weight.data.zero_()
    torch.testing.assert_close(start(TOKENS, LENGTHS, TOKENS), network(TOKENS))


def test_heads_of_one_kind_and_shape_are_taken():
    start = small(encoder_only_tiny, V, ClassHead(16, 3))
    same, other = small(encoder_only_tiny, V, ClassHead(16, 3)), small(encoder_only_tiny, V, ClassHead(16, 4))
    assert moved(start, encoder_only_tiny, same, encoder_only_tiny).new == ()
    other_result = moved(start, encoder_only_tiny, other, encoder_only_tiny)
    assert other_result.new == ("head.classes.weight", "head.classes.bias")
    assert torch.equal(same.head.classes.weight, start.head.classes.weight)


def test_other_sizes_are_refused_and_nothing_is_changed():
    start, network = small(decoder_only_tiny, V), small(encoder_only_tiny, V + 1)
    before = weights(network)
    with pytest.raises(
        ValueError, match=r"embedding\.weight should be \(14, 16\), but embedding\.weight of .* is \(13, 16\)"
    ):
        moved(start, decoder_only_tiny, network, encoder_only_tiny)
    assert all(torch.equal(before[name], parameter) for name, parameter in network.named_parameters())


class Counts(nn.Module):
    """A network with a buffer, and names of its own."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Linear(2, 2)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))


def test_networks_of_one_config_have_the_same_names_whatever_they_are():
    start, network = Counts(), Counts()
    start.seen += 7
    assert moved(start, encoder_only_tiny, network, encoder_only_tiny).new == ()
    assert network.seen == 7 and torch.equal(network.rows.weight, start.rows.weight)
    with pytest.raises(ValueError, match="no weight of the encoder-only network to start from has a place in the new"):
        moved(start, encoder_only_tiny, small(decoder_only_tiny, V), decoder_only_tiny)
