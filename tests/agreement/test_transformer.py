"""The Transformer against torch.nn's stacks under copied weights: values and gradients, both norm placements."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transduce.attention.cache import Memory
from transduce.attention.masks import causal, within_lengths
from transduce.attention.positions import Positions
from transduce.layers.dropout import Dropout
from transduce.networks.config import EncoderOnlyConfig
from transduce.networks.presets import transformer_base, transformer_tiny
from transduce.networks.transformer import DECODER_LAYERS, Stack
from transduce.networks.view import View

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
LENGTHS = torch.tensor([6, 3, 1])
SHAPE = (3, 6, 5)  # sentences, source, target


@pytest.fixture(params=["post", "pre"])
def config(request):
    return replace(transformer_tiny(), d_model=32, heads=4, feed_forward=48, norm_placement=request.param, dropout=0.0)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def shaken(module, dtype):
    """Biases and gains away from 0 and 1, so that a swapped one is seen."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.to(dtype)


def copy_attention(theirs, ours):
    theirs.in_proj_weight = nn.Parameter(ours.to_query_key_value.weight.detach())
    theirs.in_proj_bias = nn.Parameter(ours.to_query_key_value.bias.detach())
    theirs.out_proj.load_state_dict(ours.to_output.state_dict())


def copy_feed_forward(theirs, ours):
    theirs.linear1.load_state_dict(ours.feed_forward.inner.state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward.outer.state_dict())


def torch_encoder(ours, config, dtype):
    layer = nn.TransformerEncoderLayer(
        config.d_model,
        config.heads,
        config.feed_forward,
        0.0,
        batch_first=True,
        norm_first=config.norm_placement == "pre",
    )
    norm = nn.LayerNorm(config.d_model) if config.norm_placement == "pre" else None
    theirs = nn.TransformerEncoder(layer, len(ours.layers), norm=norm, enable_nested_tensor=False).to(dtype)
    for their, our in zip(theirs.layers, ours.layers, strict=True):
        copy_attention(their.self_attn, our.self_attention)
        copy_feed_forward(their, our)
        their.norm1.load_state_dict(our.self_attention_norm.state_dict())
        their.norm2.load_state_dict(our.feed_forward_norm.state_dict())
    if norm is not None:
        theirs.norm.load_state_dict(ours.norm.state_dict())
    return theirs


def torch_decoder(ours, config, dtype):
    layer = nn.TransformerDecoderLayer(
        config.d_model,
        config.heads,
        config.feed_forward,
        0.0,
        batch_first=True,
        norm_first=config.norm_placement == "pre",
    )
    norm = nn.LayerNorm(config.d_model) if config.norm_placement == "pre" else None
    theirs = nn.TransformerDecoder(layer, config.decoder_layers, norm=norm).to(dtype)
    for their, our in zip(theirs.layers, ours.layers, strict=True):
        copy_attention(their.self_attn, our.self_attention)
        copy_attention(their.multihead_attn, our.cross_attention)
        copy_feed_forward(their, our)
        their.norm1.load_state_dict(our.self_attention_norm.state_dict())
        their.norm2.load_state_dict(our.cross_attention_norm.state_dict())
        their.norm3.load_state_dict(our.feed_forward_norm.state_dict())
    if norm is not None:
        theirs.norm.load_state_dict(ours.norm.state_dict())
    return theirs


def kept(x, lengths):
    """Only positions inside the sentences: what stands in padding is nobody's business."""
    return x[torch.arange(x.shape[1]) < lengths[:, None]]


def assert_same(ours, theirs, our_inputs, their_inputs, tolerance):
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)
    weight = torch.randn_like(ours)
    mine = torch.autograd.grad((ours * weight).sum(), our_inputs)
    other = torch.autograd.grad((theirs * weight).sum(), their_inputs)
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b, atol=10 * tolerance, rtol=10 * tolerance)


def paired_weights(ours, theirs):
    """The same weights of both stacks, those of layer 0."""
    mine = ours.layers[0]
    return (
        [
            mine.self_attention.to_query_key_value.weight,
            mine.feed_forward.inner.weight,
            mine.self_attention.to_output.bias,
        ],
        [
            theirs.layers[0].self_attn.in_proj_weight,
            theirs.layers[0].linear1.weight,
            theirs.layers[0].self_attn.out_proj.bias,
        ],
    )


def dense(mask, rows, queries, keys):
    return mask.written_out(rows, 1, queries, keys, "cpu")


def test_encoder(config, dtype):
    torch.manual_seed(1)
    ours = shaken(Stack(config, config.encoder_layers), dtype)
    theirs = torch_encoder(ours, config, dtype)
    x = torch.randn(SHAPE[0], SHAPE[1], config.d_model, dtype=dtype, requires_grad=True)
    padding = torch.arange(SHAPE[1]) >= LENGTHS[:, None]
    mask = dense(within_lengths(LENGTHS), SHAPE[0], 1, SHAPE[1])
    mine = kept(ours(x, View(mask, None, Positions.first(SHAPE[1], x.device)))[0], LENGTHS)
    other = kept(theirs(x, src_key_padding_mask=padding), LENGTHS)
    a, b = paired_weights(ours, theirs)
    assert_same(mine, other, [x, *a], [x, *b], TOLERANCE[dtype])


def test_decoder(config, dtype):
    torch.manual_seed(2)
    ours = shaken(Stack(config, config.decoder_layers, DECODER_LAYERS), dtype)
    theirs = torch_decoder(ours, config, dtype)
    x = torch.randn(SHAPE[0], SHAPE[2], config.d_model, dtype=dtype, requires_grad=True)
    memory = torch.randn(SHAPE[0], SHAPE[1], config.d_model, dtype=dtype, requires_grad=True)
    padding = torch.arange(SHAPE[1]) >= LENGTHS[:, None]
    blocked = ~torch.ones(SHAPE[2], SHAPE[2], dtype=torch.bool).tril()
    mask = dense(causal(), 1, SHAPE[2], SHAPE[2])
    memory_mask = dense(within_lengths(LENGTHS), SHAPE[0], 1, SHAPE[1])
    view = View(mask, None, Positions.first(SHAPE[2], x.device))
    mine, _ = ours(x, view, memory=Memory(memory, memory_mask))
    other = theirs(x, memory, tgt_mask=blocked, memory_key_padding_mask=padding)
    a, b = paired_weights(ours, theirs)
    assert_same(mine, other, [x, memory, *a], [x, memory, *b], TOLERANCE[dtype])


def embedded(weight, ids):
    """The paper's sinusoids added to scaled embeddings."""
    position = torch.arange(ids.shape[1], dtype=torch.float64)[:, None]
    even = torch.arange(0, weight.shape[1], 2, dtype=torch.float64)
    angle = position / 10_000 ** (even / weight.shape[1])
    table = torch.stack([angle.sin(), angle.cos()], -1).flatten(1).float().to(weight.dtype)
    return weight[ids] * weight.shape[1] ** 0.5 + table


def test_encoder_only(config, dtype):
    torch.manual_seed(8)
    layers = {name: getattr(config, name) for name in ("d_model", "heads", "feed_forward", "norm_placement", "dropout")}
    ours = shaken(EncoderOnlyConfig(**layers, layers=3).build(11), dtype).eval()
    theirs = torch_encoder(ours.encoder, config, dtype)
    tokens = torch.randint(0, 11, SHAPE[:2])
    padding = torch.arange(SHAPE[1]) >= LENGTHS[:, None]
    other = theirs(embedded(ours.embedding.weight, tokens), src_key_padding_mask=padding)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(
        kept(ours(tokens, LENGTHS), LENGTHS), kept(other, LENGTHS), atol=10 * tolerance, rtol=tolerance
    )


def test_encoder_decoder_is_embeddings_stacks_and_output(config, dtype):
    torch.manual_seed(3)
    ours = shaken(config.build(11), dtype).eval()
    source, target = torch.randint(0, 11, SHAPE[:2]), torch.randint(0, 11, (SHAPE[0], SHAPE[2]))
    encoder, decoder = torch_encoder(ours.encoder, config, dtype), torch_decoder(ours.decoder, config, dtype)
    weight = ours.target_embedding.weight
    padding = torch.arange(SHAPE[1]) >= LENGTHS[:, None]
    blocked = ~torch.ones(SHAPE[2], SHAPE[2], dtype=torch.bool).tril()
    memory = encoder(embedded(weight, source), src_key_padding_mask=padding)
    hidden = decoder(embedded(weight, target), memory, tgt_mask=blocked, memory_key_padding_mask=padding)
    torch.testing.assert_close(
        ours.head.logits(ours(source, LENGTHS, target)),
        hidden @ weight.t(),
        atol=10 * TOLERANCE[dtype],
        rtol=TOLERANCE[dtype],
    )


def test_padding_never_changes_a_result(config):
    """Whatever ids stand behind a sentence's end, and however many."""
    torch.manual_seed(4)
    network = shaken(config.build(11, 13), torch.float64).eval()
    source, target = torch.randint(0, 13, (1, 4)), torch.randint(0, 11, (1, 3))
    alone = network(source, torch.tensor([4]), target)
    for extra in (1, 5):
        longer = torch.cat([source, torch.randint(0, 13, (1, extra))], 1)
        behind = torch.cat([target, torch.randint(0, 11, (1, extra))], 1)
        torch.testing.assert_close(network(longer, torch.tensor([4]), behind)[:, :3], alone, atol=1e-12, rtol=1e-12)


def test_decoder_sees_no_later_token(config):
    network = config.build(11).double().eval()
    source = torch.randint(0, 11, (2, 4))
    first, second = torch.randint(0, 11, (2, 6)), torch.randint(0, 11, (2, 6))
    second[:, :3] = first[:, :3]
    lengths = torch.tensor([4, 2])
    torch.testing.assert_close(network(source, lengths, first)[:, :3], network(source, lengths, second)[:, :3])


def test_parameter_counts_of_base_and_big():
    """With a shared vocabulary of 37,000; the paper rounds them to 65M and 213M (Vaswani et al. 2017, table 3)."""
    from transduce.networks.presets import transformer_big

    def count(preset):
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in preset.build(37_000).parameters())

    assert count(transformer_base()) == 63_082_496
    assert count(transformer_big()) == 214_245_376


def test_dropout_acts_where_the_paper_has_it():
    """On the embeddings and on every sub-layer's output, and nowhere else: 2 + 2 per encoder layer + 3 per decoder layer."""
    network = replace(transformer_base(), d_model=8, heads=2, feed_forward=8).build(5)
    calls = []
    for module in network.modules():
        if isinstance(module, Dropout) and module.probability:
            module.register_forward_hook(lambda module, inputs, output: calls.append(module.probability))
    network(torch.zeros(1, 3).long(), torch.tensor([3]), torch.zeros(1, 2).long())
    assert calls == [0.1] * (2 + 2 * 6 + 3 * 6)


def test_the_other_dropouts_act_in_training_only_and_each_by_itself():
    torch.manual_seed(0)
    source, target = torch.randint(4, 9, (2, 6)), torch.randint(4, 9, (2, 5))
    lengths = torch.tensor([6, 4])
    plain = replace(transformer_base(), d_model=8, heads=2, feed_forward=8, dropout=0.0)
    for name in ("dropout", "attention_dropout", "activation_dropout", "layer_dropout"):
        network = replace(plain, **{name: 0.4}).build(9)
        drawn = [network(source, lengths, target) for _ in range(4)]
        assert any(not torch.equal(drawn[0], other) for other in drawn[1:]), name
        network.eval()
        assert torch.equal(network(source, lengths, target), network(source, lengths, target))
    steady = plain.build(9)
    assert torch.equal(steady(source, lengths, target), steady(source, lengths, target))
