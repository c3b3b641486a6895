"""Oracles of attention with relative positions."""

import math

import torch
from oracles import build, oracle
from torch import nn
from torch.nn import functional as F


def heads_of(attention, x):
    """Queries, keys and values of the two heads, (B, 2, L, 4) each."""
    return [
        (x @ weight.T + bias).unflatten(-1, (2, 4)).transpose(1, 2)
        for weight, bias in zip(
            attention.to_query_key_value.weight.split(8), attention.to_query_key_value.bias.split(8), strict=True
        )
    ]


@oracle("alibi", "scaled_dot_product_attention with the bias of BLOOM in transformers")
def alibi():
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    module, x = build("alibi")
    nn.init.normal_(module.attention.to_query_key_value.bias)
    bias = build_alibi_tensor(torch.ones(1, 6), 2, torch.float64).view(1, 2, 1, 6)  # of the key alone
    hidden = torch.ones(6, 6, dtype=torch.bool).triu(1)
    bias = bias.expand(1, 2, 6, 6).masked_fill(hidden, -math.inf)
    attended = F.scaled_dot_product_attention(*heads_of(module.attention, x), attn_mask=bias)
    yield module(x), module.attention.to_output(attended.transpose(1, 2).flatten(2))


@oracle("rotary", "complex numbers; the rotation of GPT-J in transformers, on features in its order")
def rotary():
    from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb

    module, x = build("rotary")
    query, key, value = heads_of(module.attention, x)
    angles = torch.arange(6)[:, None] / 10_000 ** torch.tensor([0.0, 0.5]).double()  # (L, E / 2)
    turns = torch.polar(torch.ones_like(angles), angles)
    turned = [torch.view_as_real(torch.complex(*each.chunk(2, -1)) * turns).flatten(-2) for each in (query, key)]
    attended = F.scaled_dot_product_attention(*turned, value)
    expected = module.attention.to_output(attended.transpose(1, 2).flatten(2))
    yield module(x).float(), expected.float()  # the table of the rotations has single precision
    order = [0, 2, 1, 3]  # a plane is two neighbours
    sine, cosine = angles.sin()[None], angles.cos()[None]
    turned = [
        apply_rotary_pos_emb(each[..., order].transpose(1, 2), sine, cosine).transpose(1, 2) for each in (query, key)
    ]
    yield module.weights(x).float(), (turned[0] @ turned[1].mT / 2).softmax(-1).float()


@oracle("rotary", "LlamaAttention of transformers with the same weights")
def rotary_of_llama():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding

    module, x = build("rotary")
    config = LlamaConfig(hidden_size=8, num_attention_heads=2, attention_bias=True, attn_implementation="eager")
    reference = LlamaAttention(config, 0).double()
    with torch.no_grad():
        packed = module.attention.to_query_key_value
        parts = (reference.q_proj, reference.k_proj, reference.v_proj)
        for part, weight, bias in zip(parts, packed.weight.split(8), packed.bias.split(8), strict=True):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
    reference.o_proj = module.attention.to_output
    turns = LlamaRotaryEmbedding(config)(x, torch.arange(6)[None])
    yield module(x).float(), reference.eval()(x, turns, attention_mask=None)[0].float()


@oracle("t5", "T5Attention of transformers with the same weights")
def t5():
    from transformers import T5Config
    from transformers.models.t5.modeling_t5 import T5Attention

    module, x = build("t5")
    config = T5Config(d_model=8, d_kv=4, num_heads=2, dropout_rate=0.0, attn_implementation="eager")
    reference = T5Attention(config, has_relative_attention_bias=True).double().eval()
    with torch.no_grad():
        weights = module.attention.to_query_key_value.weight.split(8)
        for part, weight in zip((reference.q, reference.k, reference.v), weights, strict=True):
            part.weight.copy_(weight)
        reference.o.weight.copy_(module.attention.to_output.weight)
        reference.relative_attention_bias.weight.copy_(module.bias.table.weight)
    yield module(x), reference(x)[0]


@oracle("relative", "Wav2Vec2BertSelfAttention of transformers with its relative keys and the same weights")
def relative():
    from transformers import Wav2Vec2BertConfig
    from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertSelfAttention

    module, x = build("relative")
    config = Wav2Vec2BertConfig(
        hidden_size=8,
        num_attention_heads=2,
        position_embeddings_type="relative_key",
        left_max_position_embeddings=2,
        right_max_position_embeddings=2,
    )
    reference = Wav2Vec2BertSelfAttention(config).double().eval()
    with torch.no_grad():
        packed = module.attention.to_query_key_value
        parts = (reference.linear_q, reference.linear_k, reference.linear_v)
        for part, weight, bias in zip(parts, packed.weight.split(8), packed.bias.split(8), strict=True):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
        reference.distance_embedding.weight.copy_(module.attention.score.vectors.weight)
    reference.linear_out = module.attention.to_output
    yield module(x), reference(x)[0]
