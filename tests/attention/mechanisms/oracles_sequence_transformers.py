"""Oracles of the mechanisms between sequences: modules of transformers with copied weights."""

import math
from unittest import mock

import torch
from copied_weights import copied, randomised, torch_attention
from oracles import build, oracle
from torch import nn
from torch.nn import functional as F
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LongformerConfig,
    LxmertConfig,
    PerceiverConfig,
    XLNetConfig,
)
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention
from transformers.models.lxmert.modeling_lxmert import LxmertXLayer
from transformers.models.perceiver.modeling_perceiver import PerceiverAttention
from transformers.models.xlnet.modeling_xlnet import XLNetRelativeAttention

from transduce.attention.mechanisms.masked_language_modeling import IGNORE, masked_loss
from transduce.attention.mechanisms.multi_head import MultiHead

WIDTH = 8
ALLOWED = torch.tensor([[True, True, False, True, True, False], [True] * 4 + [False] * 2])


@oracle("masked-language-modeling", "transformers: BertForMaskedLM with one layer, logits and loss")
def masked_language_modeling():
    ours, tokens = build("masked-language-modeling")
    randomised(ours)
    config = BertConfig(
        vocab_size=16,
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=32,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=None,
        tie_word_embeddings=False,
    )
    query, key, value = ours.attention.to_query_key_value.weight.chunk(3)
    query_bias, key_bias, value_bias = ours.attention.to_query_key_value.bias.chunk(3)
    layer, head = "bert.encoder.layer.0.", "cls.predictions."
    modules = {
        "bert.embeddings.LayerNorm": ours.embedding_norm,
        layer + "attention.output.dense": ours.attention.to_output,
        layer + "attention.output.LayerNorm": ours.norm1,
        layer + "intermediate.dense": ours.feed_forward.inner,
        layer + "output.dense": ours.feed_forward.outer,
        layer + "output.LayerNorm": ours.norm2,
        head + "transform.dense": ours.transform,
        head + "transform.LayerNorm": ours.head_norm,
        head + "decoder": ours.to_logits,
    }
    weights = {
        f"{name}.{kind}": getattr(module, kind) for name, module in modules.items() for kind in ("weight", "bias")
    }
    weights |= {
        "bert.embeddings.word_embeddings.weight": ours.tokens.weight,
        "bert.embeddings.position_embeddings.weight": ours.positions.weight,
        "bert.embeddings.token_type_embeddings.weight": torch.zeros(1, WIDTH),
        layer + "attention.self.query.weight": query,
        layer + "attention.self.query.bias": query_bias,
        layer + "attention.self.key.weight": key,
        layer + "attention.self.key.bias": key_bias,
        layer + "attention.self.value.weight": value,
        layer + "attention.self.value.bias": value_bias,
    }
    theirs = copied(BertForMaskedLM(config), **weights)
    targets = torch.full_like(tokens, IGNORE)
    targets[:, 2], targets[1, 4] = 7, 3
    output = theirs(input_ids=tokens, labels=targets)
    yield ours(tokens), output.logits
    yield masked_loss(ours(tokens), targets), output.loss


@oracle("task-specific", "transformers: PerceiverAttention without its norms; label attention: softmax of H u")
def task_specific():
    ours, states = build("task-specific")
    randomised(ours)
    theirs = PerceiverAttention(
        PerceiverConfig(), True, WIDTH, WIDTH, num_heads=2, q_dim=WIDTH, kv_dim=WIDTH, use_query_residual=False
    )
    weights = zip(("query", "key", "value"), ours.attention.to_query_key_value.weight.chunk(3), strict=True)
    biases = zip(("query", "key", "value"), ours.attention.to_query_key_value.bias.chunk(3), strict=True)
    theirs = copied(
        theirs,
        **{f"self__{name}__weight": each for name, each in weights},
        **{f"self__{name}__bias": each for name, each in biases},
        output__dense__weight=ours.attention.to_output.weight,
        output__dense__bias=ours.attention.to_output.bias,
    )
    theirs.self.layernorm1 = theirs.self.layernorm2 = nn.Identity()
    queries = ours.queries.expand(2, -1, -1)
    yield ours(states), theirs(queries, inputs=states)[0]
    hidden = (torch.finfo(torch.float64).min * (~ALLOWED).double())[:, None, None, :]
    yield ours(states, ALLOWED), theirs(queries, inputs=states, inputs_mask=hidden)[0]

    ours.attention = MultiHead(WIDTH, 1).double()
    with torch.no_grad():
        ours.attention.to_query_key_value.weight.copy_(torch.eye(WIDTH).repeat(3, 1))
        ours.attention.to_query_key_value.weight[:WIDTH] *= math.sqrt(WIDTH)
        ours.attention.to_output.weight.copy_(torch.eye(WIDTH))
    yield ours(states), torch.stack([(states @ u).softmax(-1)[:, None] @ states for u in ours.queries], 1).squeeze(2)


def in_double(x, dim, dtype=None):
    """The softmax of Longformer, which is in float32 whatever its input."""
    return x.softmax(dim)


@oracle("global-local", "transformers: LongformerSelfAttention; a wide window or global tokens only: full attention")
def global_local():
    ours, _, _ = build("global-local")
    randomised(ours).window = 2
    x = torch.randn(2, 8, WIDTH).double()
    is_global = torch.zeros(2, 8, dtype=torch.bool)
    is_global[0, [0, 3]] = is_global[1, 5] = True
    allowed = torch.arange(8) < torch.tensor([[8], [6]])
    with torch.no_grad():
        ours.to_output.weight.copy_(torch.eye(WIDTH))
        ours.to_output.bias.zero_()
    config = LongformerConfig(
        hidden_size=WIDTH, num_attention_heads=2, attention_window=[2 * ours.window], attention_probs_dropout_prob=0.0
    )
    maps = {}
    for suffix, packed in (("", ours.to_query_key_value), ("_global", ours.to_global)):
        for name, weight, bias in zip(
            ("query", "key", "value"), packed.weight.chunk(3), packed.bias.chunk(3), strict=True
        ):
            maps |= {f"{name}{suffix}__weight": weight, f"{name}{suffix}__bias": bias}
    theirs = copied(LongformerSelfAttention(config, 0), **maps)
    flags = 10000.0 * is_global.double() - 10000.0 * (~allowed).double()
    none = torch.zeros_like(is_global)
    with mock.patch.object(F, "softmax", in_double):
        output = theirs(x, flags, ~allowed, is_global, True)[0]
        local = theirs(x, torch.zeros_like(flags), none, none, False)[0]
    yield ours(x, is_global, allowed)[allowed], output[allowed]
    yield ours(x, none), local

    with torch.no_grad():
        ours.to_global.load_state_dict(ours.to_query_key_value.state_dict())
    full = torch_attention(ours)(x, x, x)[0]
    yield ours(x, torch.ones_like(is_global)), full
    ours.window = 8
    yield ours(x, is_global), full


@oracle(
    "dual-stream",
    "transformers: LxmertXLayer.cross_att with one layer for both; torch.nn.MultiheadAttention in each half",
)
def dual_stream():
    ours, words, regions = build("dual-stream")
    randomised(ours)

    def attended(stream, x, other):
        return stream.norm1(x + stream.attention(x, other))

    ours.regions.load_state_dict(ours.words.state_dict())
    attention = ours.words.attention
    config = LxmertConfig(hidden_size=WIDTH, num_attention_heads=2, num_qa_labels=1)
    key, value = attention.to_key_value.weight.chunk(2)
    key_bias, value_bias = attention.to_key_value.bias.chunk(2)
    theirs = copied(
        LxmertXLayer(config).visual_attention,
        att__query__weight=attention.to_query.weight,
        att__query__bias=attention.to_query.bias,
        att__key__weight=key,
        att__key__bias=key_bias,
        att__value__weight=value,
        att__value__bias=value_bias,
        output__dense__weight=attention.to_output.weight,
        output__dense__bias=attention.to_output.bias,
        output__LayerNorm__weight=ours.words.norm1.weight,
        output__LayerNorm__bias=ours.words.norm1.bias,
    )
    theirs.output.LayerNorm.eps = ours.words.norm1.eps
    yield attended(ours.words, words, regions), theirs(words, regions)[0]
    yield attended(ours.regions, regions, words), theirs(regions, words)[0]

    randomised(ours.regions)
    for stream, x, other, output in zip(
        (ours.words, ours.regions), (words, regions), (regions, words), ours.both(words, regions), strict=True
    ):
        part = stream.attention
        theirs = copied(
            nn.MultiheadAttention(WIDTH, 2, batch_first=True),
            in_proj_weight=torch.cat([part.to_query.weight, part.to_key_value.weight]),
            in_proj_bias=torch.cat([part.to_query.bias, part.to_key_value.bias]),
            out_proj__weight=part.to_output.weight,
            out_proj__bias=part.to_output.bias,
        )
        hidden = stream.norm1(x + theirs(x, other, other)[0])
        inner = F.gelu(F.linear(hidden, stream.feed_forward.inner.weight, stream.feed_forward.inner.bias))
        outer = F.linear(inner, stream.feed_forward.outer.weight, stream.feed_forward.outer.bias)
        yield output, stream.norm2(hidden + outer)


@oracle(
    "two-stream", "transformers: XLNetRelativeAttention without positions; in reading order: causal MultiheadAttention"
)
def two_stream():
    ours, content, query, places = build("two-stream")
    randomised(ours)
    packed = ours.attention.to_query_key_value
    with torch.no_grad():
        packed.bias.zero_()
        ours.attention.to_output.bias.zero_()
    config = XLNetConfig(d_model=WIDTH, n_head=2, d_inner=WIDTH)
    maps = {name: weight.t().reshape(WIDTH, 2, -1) for name, weight in zip("qkv", packed.weight.chunk(3), strict=True)}
    zeros = {name: torch.zeros(2, WIDTH // 2) for name in ("r_r_bias", "r_s_bias", "r_w_bias")}
    theirs = copied(
        XLNetRelativeAttention(config),
        **maps,
        **zeros,
        o=ours.attention.to_output.weight.reshape(WIDTH, 2, -1),
        r=torch.zeros(WIDTH, 2, WIDTH // 2),
    )
    later = places[:, None, :] > places[:, :, None]  # (B, L, L)
    hidden, hidden_or_same = (
        each.double().permute(1, 2, 0).unsqueeze(-1) for each in (later, places[:, None, :] >= places[:, :, None])
    )
    first_axis = content.transpose(0, 1), query.transpose(0, 1)
    positions = torch.zeros(12, 2, WIDTH).double()
    outputs = theirs(*first_axis, hidden, hidden_or_same, positions, None)[:2]
    expected_content, expected_query = (each.transpose(0, 1) for each in outputs)
    new_content, new_query = ours.both(content, query, places)
    yield theirs.layer_norm(content + new_content), expected_content
    seeing = places > 0  # its first query, which sees nothing, attends to everything
    yield theirs.layer_norm(query + new_query)[seeing], expected_query[seeing]

    randomised(ours)
    order = torch.arange(6).expand(2, -1)
    expected = torch_attention(ours.attention)(
        content, content, content, attn_mask=torch.ones(6, 6, dtype=torch.bool).triu(1)
    )[0]
    yield ours.both(content, query, order)[0], expected
