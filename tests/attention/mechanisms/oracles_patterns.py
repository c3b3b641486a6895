"""Oracles of sparse patterns, scores and normalisers, and limit cases of the basic mechanisms."""

import math
from types import SimpleNamespace

import numpy as np
import torch
from oracles import build, oracle
from torch import nn
from torch.nn import functional as F

from transduce.attention.catalogue import MECHANISMS
from transduce.attention.masks import by_table, fixed, prefix, random_blocks, strided
from transduce.attention.mechanisms.bigbird import bigbird
from transduce.attention.mechanisms.mechanism import Attention
from transduce.attention.normalisers import Hard
from transduce.attention.scores import SoftCapped

# Sparse patterns


@oracle("sparse", "a stride of one, and a block of the whole text: causal attention")
def sparse_limits():
    module, query, key, value = build("sparse")
    expected = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    for mask in (strided(1), fixed(query.shape[1])):
        module.mask = mask
        yield module(query, key, value), expected


@oracle("bigbird", "transformers' BigBirdBlockSparseAttention with its own random blocks")
def big_bird():
    from transformers import BigBirdConfig
    from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention, BigBirdModel

    size, length = 2, 24
    config = BigBirdConfig(hidden_size=8, num_attention_heads=1, block_size=size, num_random_blocks=1)
    reference = BigBirdBlockSparseAttention(config, seed=5).double().train()  # blocks are drawn in training only
    for linear in (reference.query, reference.key, reference.value):
        nn.init.eye_(linear.weight)
        nn.init.zeros_(linear.bias)
    x = torch.randn(2, length, 8).double()
    state = np.random.get_state()
    blocked, band, rows, columns = BigBirdModel.create_masks_for_block_sparse_attn(torch.ones(2, length).double(), size)
    output, _ = reference(x, band, rows, columns, blocked, blocked)
    np.random.seed(5)
    (drawn,) = reference._bigbird_block_rand_mask_with_head(
        length, length, size, size, 1, *reference._get_rand_attn_plan(length, size, 1)
    )
    np.random.set_state(state)
    blocks = torch.zeros(length // size, length // size, dtype=torch.bool)
    for block, seen in enumerate(drawn.tolist(), 1):
        blocks[block, seen] = True
    table = blocks.repeat_interleave(size, 0).repeat_interleave(size, 1)
    yield Attention(mask=bigbird(length, size, by_table(table)))(x, x, x), output


@oracle("bigbird", "scaled_dot_product_attention with the matrix of the blocks, pair by pair")
def big_bird_row():
    module, query, key, value = build("bigbird")
    drawn = random_blocks(16, 2, 1, seed=3).dense(1, 1, 16, 16)[0, 0].tolist()
    allowed = torch.tensor(
        [
            [drawn[i][j] or abs(i // 2 - j // 2) < 2 or {i // 2, j // 2} & {0, 7} != set() for j in range(16)]
            for i in range(16)
        ]
    )
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)


@oracle("prefix", "scaled_dot_product_attention with the matrix; no prefix: causal; a long one: everything")
def prefix_attention():
    module, query, key, value = build("prefix")
    allowed = torch.ones(6, 6, dtype=torch.bool).tril()
    allowed[:, :3] = True
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    none = Attention(mask=prefix(0))
    yield none(query, key, value), F.scaled_dot_product_attention(query, key, value, is_causal=True)
    yield Attention(mask=prefix(6))(query, key, value), F.scaled_dot_product_attention(query, key, value)


@oracle("dilated", "local windows on the even and on the odd tokens alone")
def dilated():
    module, query, key, value = build("dilated")
    expected = torch.zeros_like(value)
    near = (torch.arange(3)[:, None] - torch.arange(3)).abs() <= 1
    for first in (0, 1):
        every_second = slice(first, None, 2)
        parts = (each[:, every_second] for each in (query, key, value))
        expected[:, every_second] = F.scaled_dot_product_attention(*parts, attn_mask=near)
    yield module(query, key, value), expected


@oracle("document", "causal attention on each text alone")
def document():
    module, query, key, value, documents = build("document")
    expected = []
    for text in range(3):
        of_text = documents[0] == text
        parts = (each[:, of_text] for each in (query, key, value))
        expected.append(F.scaled_dot_product_attention(*parts, is_causal=True))
    yield module(query, key, value, documents), torch.cat(expected, 1)


@oracle("cosine", "Swinv2SelfAttention of transformers, its position bias constant")
def cosine():
    from transformers.models.swinv2.modeling_swinv2 import Swinv2SelfAttention

    module, *_ = build("cosine")
    config = SimpleNamespace(qkv_bias=True, attention_probs_dropout_prob=0.0)
    reference = Swinv2SelfAttention(config, 8, 1, 3).double().eval()
    nn.init.zeros_(reference.continuous_position_bias_mlp[2].weight)
    x = torch.randn(2, 9, 8).double()  # a window of 3 by 3
    query, key, value = (part(x) for part in (reference.query, reference.key, reference.value))
    yield module(query, key, value), reference(x)[0]


@oracle("sink", "the attention function of gpt-oss in transformers; a very low sink: softmax")
def sink():
    from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward

    module, query, key, value = build("sink")
    for score in (0.0, 1.5, -1e4):
        nn.init.constant_(module.normalise.sinks, score)
        layer = SimpleNamespace(sinks=module.normalise.sinks, num_key_value_groups=1, training=False)
        heads = (each[:, None] for each in (query, key, value))
        output = eager_attention_forward(layer, *heads, attention_mask=None, scaling=8**-0.5)[0]
        yield module(query, key, value), output[:, :, 0]
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value)


@oracle("soft-capped", "the attention function of Gemma 2 in transformers; a high cap: softmax")
def soft_capped():
    from transformers.models.gemma2.modeling_gemma2 import eager_attention_forward

    module, query, key, value = build("soft-capped")
    layer = SimpleNamespace(num_key_value_groups=1, training=False, head_dim=8)
    heads = (each[:, None] for each in (query, key, value))
    output = eager_attention_forward(layer, *heads, attention_mask=None, scaling=8**-0.5, softcap=2.0)[0]
    yield module(query, key, value).float(), output[:, :, 0].float()  # its softmax has single precision
    module.score = SoftCapped(module.score.score, 1e6)
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value)


# Further items of mechanisms in oracles_standard.py


@oracle("general", "W = I: dot-product attention")
def general_identity():
    module, query, key, value = build("general")
    nn.init.eye_(module.score.to_key.weight)
    yield module(query, key, value), MECHANISMS["dot-product"].build(8)(query, key, value)


@oracle("additive", "v = 0: the mean of the values")
def additive_zero():
    module, query, key, value = build("additive")
    nn.init.zeros_(module.score.to_score.weight)
    yield module(query, key, value), value.mean(1, keepdim=True).expand_as(value)


@oracle(
    "content-based", "no sharpness: the mean; a high one: the nearest key; scaled_dot_product_attention on unit vectors"
)
def content_based():
    module, query, key, value = build("content-based")
    _, key, value = (torch.randn(2, 5, 8).double() for _ in range(3))  # no equal keys
    linear = module.score.sharpness[0]
    nn.init.zeros_(linear.weight)
    unit = F.normalize(query, dim=-1), F.normalize(key, dim=-1)
    for bias in (-800.0, 1e6, 2.0):
        nn.init.constant_(linear.bias, bias)
        beta = math.log1p(math.exp(bias)) if bias < 700 else bias
        yield module(query, key, value), F.scaled_dot_product_attention(*unit, value, scale=beta)
        if bias < 0:
            yield module(query, key, value), value.mean(1, keepdim=True).expand_as(query)
        if bias > 700:
            nearest = torch.cdist(*unit).argmin(-1)
            yield module(query, key, value), value.gather(1, nearest[..., None].expand_as(query))


@oracle("location-based", "W = 0: the mean; scaled_dot_product_attention to one-hot keys")
def location_based():
    module, query, key, value = build("location-based")
    logits = query @ module.score.to_places.weight.T
    places = torch.eye(6, 64).double().expand(2, 6, 64)
    yield module(query, key, value), F.scaled_dot_product_attention(logits, places, value, scale=1.0)
    nn.init.zeros_(module.score.to_places.weight)
    yield module(query, key, value), value.mean(1, keepdim=True).expand_as(value)


@oracle("hard", "gumbel_softmax of torch with the same noise, forward and backward; softmax at a low temperature")
def hard_samples():
    scores, probe = torch.randn(1, 50, 6).double().requires_grad_(), torch.randn(1, 50, 6).double()
    for temperature in (1.0, 0.5):
        torch.manual_seed(3)
        ours = Hard(sample=True, temperature=temperature)(scores, None)
        torch.manual_seed(3)
        expected = F.gumbel_softmax(scores, tau=temperature, hard=True)
        yield ours, expected
        yield tuple(torch.autograd.grad((each * probe).sum(), scores)[0] for each in (ours, expected))
    yield Hard()(scores, None), (scores / 1e-6).softmax(-1)


@oracle("hard", "REINFORCE, summed over the choices of one of three keys: the exact gradient of a linear loss")
def hard_gradient():
    scores, value = torch.randn(1, 1, 3).double().requires_grad_(), torch.randn(3, 4).double()
    probe = torch.randn(4).double()
    straight_through = torch.autograd.grad((Hard()(scores, None)[0, 0] @ value) @ probe, scores)[0]
    log_shares = scores[0, 0].log_softmax(0)
    exact = torch.zeros_like(scores)
    for key in range(3):
        score_function = torch.autograd.grad(log_shares[key], scores, retain_graph=True)[0]
        exact = exact + log_shares[key].exp().detach() * (value[key] @ probe) * score_function
    yield straight_through, exact
