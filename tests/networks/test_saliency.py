"""Gradient x input against finite differences, and what it must be where the answer is known."""

from dataclasses import replace

import pytest
import torch

from transduce.networks.presets import transformer_tiny
from transduce.networks.probes import source_saliency

V, S, T = 13, 5, 4


@pytest.fixture(params=[(V + 2, "post"), (None, "pre")], ids=["two tables", "one table"])
def network(request):
    torch.manual_seed(0)
    vocabulary, placement = request.param
    config = replace(transformer_tiny(), d_model=8, heads=2, feed_forward=12, norm_placement=placement)
    return config.build(V, vocabulary).double().eval()


@pytest.fixture
def texts():
    torch.manual_seed(1)
    return tuple(torch.randint(0, V, (1, length)) for length in (S, T, T))


def log_probabilities(network, texts, change):
    """Of each target token, with `change` (S, D) added to what the encoder is given."""
    hook = network.encoder.register_forward_pre_hook(lambda module, inputs: (inputs[0] + change, *inputs[1:]))
    with torch.no_grad():
        logits = network.head.logits(network(texts[0], torch.tensor([S]), texts[1]))[0]
    hook.remove()
    return logits.log_softmax(-1).gather(1, texts[2][0][:, None])[:, 0]


def test_finite_differences_give_the_same(network, texts):
    result = source_saliency(network, *texts)
    embedded = network.source_embedding.weight[texts[0][0]].detach() * 8**0.5
    step, products = 1e-5, torch.zeros(T, S, 8, dtype=torch.float64)
    for token in range(S):
        for dimension in range(8):
            change = torch.zeros(S, 8, dtype=torch.float64)
            change[token, dimension] = step
            slope = log_probabilities(network, texts, change) - log_probabilities(network, texts, -change)
            products[:, token, dimension] = slope / (2 * step) * embedded[token, dimension]
    torch.testing.assert_close(result.double(), products.norm(dim=-1), atol=1e-5, rtol=1e-3)


def test_nothing_depends_on_a_source_that_is_not_looked_at(network, texts):
    with torch.no_grad():
        for layer in network.decoder.layers:
            layer.cross_attention.to_output.weight.zero_()
    assert (source_saliency(network, *texts) == 0).all()


def test_it_leaves_no_trace(network, texts):
    with torch.no_grad():
        assert source_saliency(network, *texts).min() >= 0  # gradients whatever the caller's mode
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.encoder._forward_pre_hooks
    with pytest.raises(ValueError, match="training mode"):
        source_saliency(network.train(), *texts)
