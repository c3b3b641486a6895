"""Decoding step by step equals the whole forward pass, whatever is reordered, selected, joined or rolled back."""

from dataclasses import replace

import pytest
import torch

from transduce.attention.positions import Rotary, Sinusoidal
from transduce.decoding.protocol import Padded, Truncating
from transduce.networks.presets import transformer_tiny
from transduce.networks.stepping import TransformerDecoding
from transduce.networks.transformer import EncoderDecoder

V = 13


@pytest.fixture(params=[("post", Sinusoidal()), ("pre", Sinusoidal()), ("pre", Rotary())], ids=str)
def network(request):
    torch.manual_seed(0)
    placement, positions = request.param
    config = replace(transformer_tiny(), d_model=16, feed_forward=24, norm_placement=placement, positions=positions)
    return EncoderDecoder(config, V).double().eval()


@pytest.fixture
def source():
    torch.manual_seed(1)
    return torch.randint(0, V, (3, 5)), torch.tensor([5, 2, 4])


def uncached(network, source, lengths, prefix):
    """Logits after each token of prefix (B, K, T), by whole forward passes."""
    beams = [network(source, lengths, prefix[:, k]) for k in range(prefix.shape[1])]
    return torch.stack(beams, 1).detach()


def started(model, source, beams):
    """The state after `start`, before the start token is read, with as many beams."""
    rows = len(source[1])
    state = model.start(Padded(*source), Padded(torch.zeros(rows, 1, dtype=torch.long), torch.ones_like(source[1])))
    return model.reorder(state, torch.zeros(rows, beams, dtype=torch.long))


def close(a, b):
    torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("pieces", [[1] * 20, [3, 1, 16], [20], [2] * 10])
def test_cached_equals_uncached(network, source, pieces):
    prefix = torch.randint(0, V, (3, 2, 20))
    model = TransformerDecoding(network)
    state, found = started(model, source, 2), []
    for piece in prefix.split(pieces, dim=2):
        logits, state = model.step(piece, state)
        found.append(logits)
    close(torch.cat(found, 2), uncached(network, *source, prefix))


def test_reorder_continues_the_named_beams(network, source):
    prefix = torch.randint(0, V, (3, 2, 4))
    beams = torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 0]])
    model = TransformerDecoding(network)
    _, state = model.step(prefix, started(model, source, 2))
    state = model.reorder(state, beams)
    new = torch.randint(0, V, (3, 3, 2))
    logits, _ = model.step(new, state)
    whole = torch.cat([prefix.gather(1, beams[..., None].expand(-1, -1, 4)), new], 2)
    close(logits, uncached(network, *source, whole)[:, :, 4:])


@pytest.mark.parametrize("stepped", [True, False])
def test_select_keeps_the_named_sentences_in_that_order(network, source, stepped):
    prefix = torch.randint(0, V, (3, 2, 4))
    rows = torch.tensor([2, 0])
    model = TransformerDecoding(network)
    state = started(model, source, 2)
    if stepped:
        _, state = model.step(prefix[:, :, :3], state)
        logits, _ = model.step(prefix[rows, :, 3:], model.select(state, rows))
        logits = logits[:, :, -1]
    else:
        logits = model.step(prefix[rows], model.select(state, rows))[0][:, :, -1]
    close(logits, uncached(network, source[0][rows], source[1][rows], prefix[rows])[:, :, -1])


def test_join_brings_sentences_of_other_lengths_and_prefixes_together(network, source):
    model = TransformerDecoding(network)
    other = (torch.randint(0, V, (2, 7)), torch.tensor([7, 1]))
    mine, theirs = torch.randint(0, V, (3, 2, 19)), torch.randint(0, V, (2, 2, 3))
    _, state = model.step(mine, started(model, source, 2))
    _, entering = model.step(theirs, started(model, other, 2))
    state = model.join(state, entering)
    new = torch.randint(0, V, (5, 2, 3))
    logits, state = model.step(new[:, :, :2], state)
    last, _ = model.step(new[:, :, 2:], state)
    found = torch.cat([logits, last], 2)
    close(found[:3], uncached(network, *source, torch.cat([mine, new[:3]], 2))[:, :, 19:])
    close(found[3:], uncached(network, *other, torch.cat([theirs, new[3:]], 2))[:, :, 3:])


def test_start_reads_all_but_the_last_token_of_prompts_of_different_lengths(network, source):
    model = TransformerDecoding(network)
    prompts, lengths = torch.randint(0, V, (3, 20)), torch.tensor([3, 1, 20])
    state = model.reorder(model.start(Padded(*source), Padded(prompts, lengths)), torch.zeros(3, 2, dtype=torch.long))
    new = torch.randint(0, V, (3, 2, 3))
    new[:, :, 0] = prompts.gather(1, lengths[:, None] - 1)
    logits, _ = model.step(new, state)
    for b, length in enumerate(lengths.tolist()):
        whole = torch.cat([prompts[b, : length - 1].expand(1, 2, -1), new[b : b + 1]], 2)
        close(logits[b : b + 1], uncached(network, source[0][b : b + 1], source[1][b : b + 1], whole)[:, :, -3:])


def test_truncate_forgets_and_goes_on(network, source):
    model = TransformerDecoding(network)
    assert isinstance(model, Truncating)
    prefix, new = torch.randint(0, V, (3, 2, 6)), torch.randint(0, V, (3, 2, 2))
    lengths = torch.tensor([[6, 2], [1, 3], [4, 4]])
    _, state = model.step(prefix, started(model, source, 2))
    logits, _ = model.step(new, model.truncate(state, lengths))
    for b in range(3):
        for k in range(2):
            whole = torch.cat([prefix[b, k, : lengths[b, k]], new[b, k]])[None, None]
            expected = uncached(network, source[0][b : b + 1], source[1][b : b + 1], whole)[0, 0, -2:]
            close(logits[b, k], expected)


def test_training_is_possible_after_decoding(network, source):
    """Nothing that decoding keeps (a table of positions) stands in the way of gradients."""
    model = TransformerDecoding(network)
    model.step(torch.zeros(3, 1, 1, dtype=torch.int64), started(model, source, 1))
    network(*source, torch.zeros(3, 4, dtype=torch.int64)).sum().backward()
    assert network.output.weight.grad is not None
