"""Every attention that a run file may name, in encoder, decoder and cross-attention of a model."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch

from transduce.attention.catalogue import MODEL_ATTENTIONS
from transduce.attention.mask import Mask
from transduce.attention.masks import window
from transduce.attention.mechanisms.local import LocalAttention
from transduce.attention.model_attention import ModelAttention
from transduce.attention.positions import Alibi, NoPositions
from transduce.decoding.protocol import Padded
from transduce.networks.layer_config import CrossingDecoderAttention, DecoderAttention, EncoderAttention
from transduce.networks.presets import decoder_only_tiny, encoder_only_tiny, transformer_tiny
from transduce.networks.probes import attention_maps
from transduce.networks.stepping import decodable

V = 13
SOURCE = Padded(torch.randint(0, V, (3, 9), generator=torch.Generator().manual_seed(1)), torch.tensor([9, 2, 6]))
SMALL = {"window": 2, "stride": 2, "count": 3, "reach": 3, "longest": 8, "ramp": 2, "block": 2, "steps": 1}
ROUNDED = 1e-9  # sums in another order; the gradient of a straight-through estimator adds and subtracts the softmax


def part(name):
    """The attention called `name`, with small sizes where it has sizes."""
    cls = MODEL_ATTENTIONS[name]
    return cls(**{key: value for key, value in SMALL.items() if key in cls.__dataclass_fields__})


def everywhere(attention, preset=transformer_tiny, **changes):
    """A network that uses the attention wherever it may."""
    chosen = {place: attention if place in attention.places else ModelAttention() for place in ModelAttention.places}
    decoder = CrossingDecoderAttention(chosen["decoder"], chosen["cross-attention"])
    config = replace(
        preset(), d_model=16, heads=2, feed_forward=24, encoder=EncoderAttention(chosen["encoder"]), decoder=decoder
    )
    torch.manual_seed(0)
    return replace(config, **changes).build(V).double().eval()


@pytest.fixture(params=MODEL_ATTENTIONS)
def name(request):
    return request.param


def test_steps_equal_the_whole_pass_for_prompts_and_beams_of_their_own(name):
    network = everywhere(part(name))
    model = decodable(network)
    prompts = Padded(torch.randint(0, V, (3, 5)), torch.tensor([5, 1, 3]))
    beams = torch.tensor([[0, 0], [0, 0], [0, 0]])
    state = model.reorder(model.start(SOURCE, prompts), beams)
    last = prompts.tokens.gather(1, prompts.lengths[:, None] - 1)[:, None].expand(-1, 2, -1)
    new = torch.randint(0, V, (3, 2, 6))
    logits = []
    for tokens in (last, *new.split([1, 3, 2], 2)):
        step, state = model.step(tokens, state)
        logits.append(step)
    together = torch.cat(logits, 2)
    for row, length in enumerate(prompts.lengths.tolist()):
        for beam in range(2):
            whole = torch.cat([prompts.tokens[row, :length], new[row, beam]])[None]
            source = SOURCE.tokens[row : row + 1, : SOURCE.lengths[row]]  # without padding
            hidden = network(source, SOURCE.lengths[row : row + 1], whole)
            expected = network.head.logits(hidden)[0, length - 1 :]
            torch.testing.assert_close(together[row, beam], expected, atol=ROUNDED, rtol=ROUNDED)


def test_the_weights_that_a_decoder_shows_are_those_of_the_whole_pass(name):
    network = everywhere(part(name))
    model, target = decodable(network), torch.randint(0, V, (3, 4))
    state = model.start(SOURCE, Padded(target[:, :1], torch.ones(3).long()))
    _, state = model.step(target[:, None, :], state)
    maps = attention_maps(network, SOURCE.tokens, SOURCE.lengths, target).source
    torch.testing.assert_close(model.attended(state)[:, 0].double(), maps.mean((0, 2)), atol=1e-6, rtol=1e-6)


def test_every_weight_has_a_finite_gradient(name):
    network = everywhere(part(name)).train()
    target = torch.randint(0, V, (3, 9))
    network.head.logits(network(SOURCE.tokens, SOURCE.lengths, target)).square().mean().backward()
    for parameter, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), parameter


@pytest.mark.parametrize("preset", [decoder_only_tiny, encoder_only_tiny])
def test_other_networks_have_it_too(name, preset):
    attention = part(name)
    place = "decoder" if preset is decoder_only_tiny else "encoder"
    if place not in attention.places:
        pytest.skip(f"not for the {place}")
    holder = DecoderAttention(attention) if place == "decoder" else EncoderAttention(attention)
    network = replace(preset(), d_model=16, heads=2, feed_forward=24, **{place: holder}).build(V).double().eval()
    tokens = torch.randint(0, V, (2, 7))
    if place == "encoder":
        whole = network(tokens, torch.tensor([7, 4]))
        torch.testing.assert_close(whole[1, :4], network(tokens[1:, :4], torch.tensor([4]))[0])
        return
    documents = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]])
    packed = network(tokens, documents)
    torch.testing.assert_close(packed[0, 3:], network(tokens[:1, 3:])[0])
    torch.testing.assert_close(packed[1], network(tokens)[1])


def test_a_window_over_everything_changes_nothing():
    wide, standard = everywhere(LocalAttention(window=100)), everywhere(ModelAttention())
    target = torch.randint(0, V, (3, 9))
    arguments = (SOURCE.tokens, SOURCE.lengths, target)
    torch.testing.assert_close(wide(*arguments), standard(*arguments))


def test_long_windows_run_in_chunks_and_give_the_same():
    tokens = torch.randint(0, V, (2, 600))
    lengths = torch.tensor([600, 450])
    for positions in (NoPositions(), Alibi()):  # a bias needs the whole matrix
        network = everywhere(LocalAttention(window=20), positions=positions)
        memory = network.encode(tokens, lengths)
        short = network.encode(tokens[1:, :450], lengths[1:])
        torch.testing.assert_close(memory.states[1, :450], short.states[0], atol=ROUNDED, rtol=ROUNDED)


@dataclass(frozen=True)
class _ForEncoders(ModelAttention):
    places: ClassVar = ("encoder",)

    def mask(self) -> Mask:
        return window(1, 1)


def test_a_place_where_it_does_not_work_is_an_error_that_names_both():
    EncoderAttention(_ForEncoders())
    for holder, key in ((DecoderAttention, "attention"), (CrossingDecoderAttention, "cross_attention")):
        with pytest.raises(ValueError, match=r"attention _ForEncoders cannot be used in the .*it is for the encoder"):
            holder(**{key: _ForEncoders()})


@pytest.mark.parametrize("preset", [transformer_tiny, decoder_only_tiny])
def test_every_bucket_of_t5_learns_in_a_decoder(preset):
    """Queries of a decoder see no later tokens: half of the buckets of both directions would never be used."""
    attention = MODEL_ATTENTIONS["t5"](buckets=8, most=16)
    if preset is transformer_tiny:
        network = everywhere(attention)
        output = network(SOURCE.tokens, SOURCE.lengths, torch.randint(0, V, (3, 40)))
        stacks = (network.encoder, False), (network.decoder, True)
        assert not network.decoder.layers[0].cross_attention.distance_bias.causal
    else:
        network = replace(preset(), decoder=DecoderAttention(attention)).build(V).double().eval()
        output = network(torch.randint(0, V, (3, 40)))
        stacks = ((network.decoder, True),)
    output.square().sum().backward()
    for stack, causal in stacks:
        bias = stack.layers[0].self_attention.distance_bias
        assert bias.causal == causal
    gradient = network.decoder.layers[0].self_attention.distance_bias.table.weight.grad
    assert (gradient != 0).any(-1).all()
