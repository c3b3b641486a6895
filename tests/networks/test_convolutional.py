"""ConvS2S against its formulas, token by token."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from transduce.attention.positions import Positions
from transduce.networks.convolutional import Convolutional, ConvolutionalConfig
from transduce.networks.presets import convolutional_tiny

V, WIDTH = 13, 8
SOURCE, LENGTHS = torch.randint(0, V, (3, 6), generator=torch.Generator().manual_seed(1)), torch.tensor([6, 2, 4])
TARGET = torch.randint(0, V, (3, 5), generator=torch.Generator().manual_seed(2))


def network_of(**changes: Any) -> Convolutional:
    torch.manual_seed(0)
    return replace(convolutional_tiny(), d_model=WIDTH, places=20, **changes).build(V).double().eval()


def gated(block: Any, inputs: list[Tensor]) -> Tensor:
    """GLU of one convolution: `inputs` are the K vectors that it reads."""
    weight, bias = block.convolution.weight, block.convolution.bias
    both = sum(weight[:, :, place] @ vector for place, vector in enumerate(inputs)) + bias
    return both[:WIDTH] * torch.sigmoid(both[WIDTH:])


def placed(embedding: Any, ids: Tensor) -> Tensor:
    return embedding.weight[ids] + embedding.places.weight[: len(ids)]


@torch.no_grad()
def by_hand(network: Convolutional, row: int, kernel: int) -> Tensor:
    """Hidden states of one pair without padding (section 3 of the paper)."""
    half, side, zero = math.sqrt(0.5), kernel // 2, torch.zeros(WIDTH).double()
    e = placed(network.source_embedding, SOURCE[row, : LENGTHS[row]])
    z = e
    for block in network.encoder.blocks:
        padded = [zero] * side + list(z) + [zero] * side
        z = torch.stack([half * (z[i] + gated(block, padded[i : i + kernel])) for i in range(len(z))])
    g = placed(network.target_embedding, TARGET[row])
    h = g
    for block, attention in zip(network.decoder.blocks, network.decoder.attentions, strict=True):
        padded, outputs = [zero] * (kernel - 1) + list(h), []
        for i in range(len(h)):
            own = gated(block, padded[i : i + kernel])
            query = half * (attention.to_query.weight @ own + attention.to_query.bias + g[i])
            weights = (z @ query).softmax(0)
            context = len(z) * math.sqrt(1 / len(z)) * (weights @ (half * (z + e)))
            outputs.append(half * (h[i] + half * (own + context)))
        h = torch.stack(outputs)
    return h @ network.decoder.to_hidden.weight.t() + network.decoder.to_hidden.bias


@pytest.mark.parametrize("changes", [{}, {"weight_norm": False}, {"kernel": 5}, {"kernel": 1}])
def test_a_network_is_its_formulas(changes: dict[str, Any]) -> None:
    network = network_of(**changes)
    hidden = network(SOURCE, LENGTHS, TARGET)
    for row in range(3):
        expected = by_hand(network, row, changes.get("kernel", 3))
        torch.testing.assert_close(hidden[row], expected, atol=1e-10, rtol=1e-10)


def test_weight_norm_has_a_gain_for_each_output_and_begins_as_the_plain_weight() -> None:
    normed, plain = network_of(), network_of(weight_norm=False)
    torch.testing.assert_close(normed(SOURCE, LENGTHS, TARGET), plain(SOURCE, LENGTHS, TARGET), atol=1e-6, rtol=1e-5)
    gains = {name for name, _ in normed.named_parameters() if name.endswith("original0")}
    assert len(gains) == 4 + 2 + 1  # blocks, queries, hidden
    name = "decoder.blocks.0.convolution.parametrizations.weight.original0"
    assert normed.get_parameter(name).shape == (2 * WIDTH, 1, 1)


def test_signals_keep_their_size() -> None:
    """The factors sqrt(1/2) and sqrt(S), and the initial weights, keep the deviation of a wide network near that of its
    embeddings, which is 0.1 for tokens and places each. It grows in the decoder, whose layers all read the same values.
    """
    torch.manual_seed(0)
    config = ConvolutionalConfig(d_model=256, encoder_layers=6, decoder_layers=6, dropout=0.0)
    network = config.build(50).eval()
    source, target = torch.randint(0, 50, (4, 20)), torch.randint(0, 50, (4, 20))
    memory, _ = network.encode(source, torch.full((4,), 20))
    assert 0.05 < memory.keys.std() < 0.3 and 0.05 < memory.values.std() < 0.3
    assert 0.05 < network(source, torch.full((4,), 20), target).std() < 0.5


def test_the_gradient_of_the_encoder_is_divided_by_twice_the_number_of_attentions() -> None:
    """Against the gradient of the encoder alone; the values of the keys are those of the encoder."""
    network = network_of(dropout=0.0)
    embedded = network.source_embedding(SOURCE, Positions.first(6, SOURCE.device))
    output = network.encoder(embedded, (torch.arange(6) < LENGTHS[:, None])[..., None])
    keys = network.encode(SOURCE, LENGTHS)[0].keys
    torch.testing.assert_close(keys, output)
    bias, shares = network.encoder.blocks[0].convolution.bias, torch.randn(keys.shape).double()
    (whole,), (own,) = (torch.autograd.grad((each * shares).sum(), bias) for each in (output, keys))
    torch.testing.assert_close(own, whole / (2 * len(network.decoder.attentions)))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"kernel must be odd.*found 4"):
        ConvolutionalConfig(kernel=4)
    network = network_of()
    with pytest.raises(ValueError, match=r"model.places = 20 found a row of 21 tokens"):
        network(torch.zeros(1, 21, dtype=torch.int64), torch.tensor([21]), TARGET[:1])
