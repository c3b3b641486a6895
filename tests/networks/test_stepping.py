"""Decoding step by step equals the whole forward pass, whatever is reordered, selected, joined or rolled back."""

from dataclasses import replace

import pytest
import torch

from transduce.attention.positions import Alibi, NoPositions, Rotary, Sinusoidal
from transduce.decoding.protocol import Attending, Decodable, Padded
from transduce.networks.presets import decoder_only_tiny, transformer_tiny
from transduce.networks.stepping import DecoderOnlyDecoding, TransformerDecoding

V = 13
SOURCE = Padded(torch.randint(0, V, (3, 5), generator=torch.Generator().manual_seed(1)), torch.tensor([5, 2, 4]))
OTHER = Padded(torch.randint(0, V, (2, 7), generator=torch.Generator().manual_seed(2)), torch.tensor([7, 1]))


class Case:
    """A network behind the protocol, and its logits by whole forward passes."""

    def __init__(self, network):
        self.network = network.double().eval()
        self.reads_inputs = hasattr(network, "encoder")
        self.model = TransformerDecoding(network) if self.reads_inputs else DecoderOnlyDecoding(network)

    def start(self, inputs, prompts=None):
        """With prompts of one token, which is nothing to read, where none are given."""
        rows = len(inputs.tokens)
        prompts = prompts or Padded(torch.zeros(rows, 1, dtype=torch.int64), torch.ones(rows, dtype=torch.int64))
        return self.model.start(inputs if self.reads_inputs else None, prompts)

    def wide(self, inputs, beams):
        return self.model.reorder(self.start(inputs), torch.zeros(len(inputs.tokens), beams, dtype=torch.int64))

    def whole(self, inputs, prefix):
        """Logits after each token of prefix (B, K, T)."""
        beams = []
        for k in range(prefix.shape[1]):
            if self.reads_inputs:
                hidden = self.network(inputs.tokens, inputs.lengths, prefix[:, k])
            else:
                hidden = self.network(prefix[:, k])
            beams.append(self.network.head.logits(hidden))
        return torch.stack(beams, 1).detach()


KINDS = [
    (transformer_tiny, {"norm_placement": "post"}),
    (transformer_tiny, {"positions": Rotary(), "key_value_heads": 2, "head_width": 6}),
    (transformer_tiny, {"positions": Alibi()}),
    (decoder_only_tiny, {"positions": Sinusoidal()}),
    (decoder_only_tiny, {"norm_placement": "post", "positions": Rotary()}),
    (decoder_only_tiny, {"positions": Alibi(), "key_value_heads": 1}),
    (decoder_only_tiny, {"positions": NoPositions()}),
]


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0].__name__} {kind[1]}")
def case(request):
    torch.manual_seed(0)
    preset, changes = request.param
    return Case(replace(preset(), d_model=16, feed_forward=24, **changes).build(V))


def rows(inputs, which):
    return Padded(inputs.tokens[which], inputs.lengths[which])


def close(a, b):
    torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)


def test_protocol(case):
    assert isinstance(case.model, Decodable)
    assert isinstance(case.model, Attending) is case.reads_inputs
    with pytest.raises(ValueError, match="inputs"):
        case.model.start(None if case.reads_inputs else SOURCE, Padded(torch.ones(3, 1).long(), torch.ones(3).long()))


@pytest.mark.parametrize("pieces", [[1] * 20, [3, 1, 16], [20], [2] * 10])
def test_cached_equals_uncached(case, pieces):
    prefix = torch.randint(0, V, (3, 2, 20))
    state, logits = case.wide(SOURCE, 2), []
    for piece in prefix.split(pieces, dim=2):
        new, state = case.model.step(piece, state)
        logits.append(new)
    close(torch.cat(logits, 2), case.whole(SOURCE, prefix))


@pytest.mark.parametrize("lengths", [[6, 1, 3], [4, 4, 4]])
def test_prompts_of_their_own_lengths_are_read_at_the_start(case, lengths):
    prompts = Padded(torch.randint(0, V, (3, max(lengths))), torch.tensor(lengths))
    new = torch.randint(0, V, (3, 2, 3))
    state = case.model.reorder(case.start(SOURCE, prompts), torch.zeros(3, 2, dtype=torch.int64))
    last = prompts.tokens.gather(1, prompts.lengths[:, None] - 1)[:, None].expand(-1, 2, -1)
    logits, state = case.model.step(last, state)
    after, _ = case.model.step(new, state)
    for row, length in enumerate(lengths):
        whole = torch.cat([prompts.tokens[row, :length].expand(2, -1), new[row]], 1)[None]
        expected = case.whole(rows(SOURCE, [row]), whole)[0, :, length - 1 :]
        close(torch.cat([logits, after], 2)[row], expected)


def test_reorder_continues_the_named_beams(case):
    prefix = torch.randint(0, V, (3, 2, 4))
    beams = torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 0]])
    _, state = case.model.step(prefix, case.wide(SOURCE, 2))
    state = case.model.reorder(state, beams)
    new = torch.randint(0, V, (3, 3, 2))
    logits, _ = case.model.step(new, state)
    whole = torch.cat([prefix.gather(1, beams[..., None].expand(-1, -1, 4)), new], 2)
    close(logits, case.whole(SOURCE, whole)[:, :, 4:])


@pytest.mark.parametrize("logits_after", [True, False])
def test_select_continues_the_named_sentences_in_that_order(case, logits_after):
    prefix = torch.randint(0, V, (3, 2, 4))
    choice = torch.tensor([2, 0])
    state = case.wide(SOURCE, 2)
    if logits_after:
        _, state = case.model.step(prefix[:, :, :3], state)
    logits, _ = case.model.step(prefix[choice, :, 3 if logits_after else 0 :], case.model.select(state, choice))
    close(logits[:, :, -1], case.whole(rows(SOURCE, choice), prefix[choice])[:, :, -1])


def test_join_brings_sentences_of_other_lengths_and_prefixes_together(case):
    mine, theirs = torch.randint(0, V, (3, 2, 19)), torch.randint(0, V, (2, 2, 3))
    _, state = case.model.step(mine, case.wide(SOURCE, 2))
    _, entering = case.model.step(theirs, case.wide(OTHER, 2))
    state = case.model.join(state, entering)
    new = torch.randint(0, V, (5, 2, 3))
    logits, state = case.model.step(new[:, :, :2], state)
    last, _ = case.model.step(new[:, :, 2:], state)
    both = torch.cat([logits, last], 2)
    close(both[:3], case.whole(SOURCE, torch.cat([mine, new[:3]], 2))[:, :, 19:])
    close(both[3:], case.whole(OTHER, torch.cat([theirs, new[3:]], 2))[:, :, 3:])


def test_truncate_forgets_and_goes_on(case):
    prefix, new = torch.randint(0, V, (3, 2, 6)), torch.randint(0, V, (3, 2, 2))
    lengths = torch.tensor([[6, 2], [1, 3], [4, 4]])
    _, state = case.model.step(prefix, case.wide(SOURCE, 2))
    logits, _ = case.model.step(new, case.model.truncate(state, lengths))
    for b in range(3):
        for k in range(2):
            whole = torch.cat([prefix[b, k, : lengths[b, k]], new[b, k]])[None, None]
            close(logits[b, k], case.whole(rows(SOURCE, [b]), whole)[0, 0, -2:])


def test_memory_is_stored_per_sentence_and_contiguous():
    network = transformer_tiny().build(V).eval()
    model = TransformerDecoding(network)
    state = model.start(SOURCE, Padded(torch.zeros(3, 1).long(), torch.ones(3).long()))
    state = model.reorder(state, torch.zeros(3, 4, dtype=torch.int64))
    for part in (*state.memory.keys, *state.memory.values):
        assert part.shape == (3, 4, 5, 16) and part.is_contiguous()


def test_training_is_possible_after_decoding(case):
    """Nothing that decoding keeps (a table of positions) stands in the way of gradients."""
    case.model.step(torch.zeros(3, 1, 1, dtype=torch.int64), case.start(SOURCE))
    tokens = torch.zeros(3, 4, dtype=torch.int64)
    hidden = case.network(SOURCE.tokens, SOURCE.lengths, tokens) if case.reads_inputs else case.network(tokens)
    case.network.head.logits(hidden).sum().backward()
    assert all(parameter.grad is not None for parameter in case.network.parameters())
