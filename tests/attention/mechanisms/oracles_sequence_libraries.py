"""Oracles of the mechanisms between sequences: torch.nn, torch_geometric and entmax, with copied weights."""

import math
import warnings

import entmax
import torch
from copied_weights import copied, randomised, torch_attention
from oracles import build, oracle
from torch import nn
from torch.nn import functional as F

from transduce.attention.mask import Mask
from transduce.attention.masks import causal
from transduce.attention.mechanisms.convolutional import Convolutional
from transduce.attention.mechanisms.multi_head import MultiHead
from transduce.attention.mechanisms.set_attention import InducedSetAttention, SetPooling
from transduce.attention.normalisers import Entmax, LearnedEntmax, Sparsemax

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it compiles with torch.jit
    from torch_geometric.nn.aggr.utils import InducedSetAttentionBlock, PoolingByMultiheadAttention, SetAttentionBlock

WIDTH = 8
ALLOWED = torch.tensor([[True, True, False, True, True, False], [True] * 4 + [False] * 2])


@oracle("multi-head", "torch.nn.MultiheadAttention, with grouped heads written out")
def multi_head():
    query, key, value = (torch.randn(2, length, WIDTH).double() for length in (4, 6, 6))
    allowed = torch.ones(4, 6, dtype=torch.bool).tril(1)
    mask = Mask(lambda b, h, q, k: allowed[q, k])
    for key_value_heads in (4, 2, 1):
        ours = randomised(MultiHead(WIDTH, 4, key_value_heads))
        theirs = torch_attention(ours)
        output, weights = theirs(query, key, value, attn_mask=~allowed, average_attn_weights=False)
        yield ours(query, key, value, mask), output
        yield ours.weights(query, key, value, mask), weights
        yield ours(query, key, value), theirs(query, key, value)[0]


@oracle("single-head", "torch.nn.MultiheadAttention; identity maps: scaled_dot_product_attention")
def single_head():
    ours, *inputs = build("single-head")
    yield randomised(ours)(*inputs), torch_attention(ours)(*inputs)[0]
    with torch.no_grad():
        ours.to_query_key_value.weight.copy_(torch.eye(WIDTH).repeat(3, 1))
        ours.to_output.weight.copy_(torch.eye(WIDTH))
        ours.to_query_key_value.bias.zero_()
        ours.to_output.bias.zero_()
    yield ours(*inputs), F.scaled_dot_product_attention(*inputs)


@oracle("self", "torch.nn.MultiheadAttention, causal too")
def self_attention():
    ours, x = build("self")
    theirs = torch_attention(randomised(ours).attention)
    output, weights = theirs(x, x, x, average_attn_weights=False)
    yield ours(x), output
    yield ours.weights(x), weights
    later = torch.ones(6, 6, dtype=torch.bool).triu(1)
    yield ours(x, causal()), theirs(x, x, x, attn_mask=later)[0]


@oracle("cross", "torch.nn.MultiheadAttention with key_padding_mask; the same tokens twice: self-attention")
def cross():
    ours, x, states = build("cross")
    theirs = torch_attention(randomised(ours).attention)
    output, weights = theirs(x, states, states, key_padding_mask=~ALLOWED, average_attn_weights=False)
    yield ours(x, states, ALLOWED), output
    yield ours.weights(x, states, ALLOWED), weights
    yield ours(x, x), theirs(x, x, x)[0]


@oracle("cross-modal", "torch.nn.MultiheadAttention with kdim and vdim")
def cross_modal():
    ours, x, other = build("cross-modal")
    theirs = nn.MultiheadAttention(WIDTH, 2, kdim=WIDTH // 2, vdim=WIDTH // 2, batch_first=True)
    key, value = randomised(ours).to_key_value.weight.chunk(2)
    theirs = copied(
        theirs,
        q_proj_weight=ours.to_query.weight,
        k_proj_weight=key,
        v_proj_weight=value,
        in_proj_bias=torch.cat([ours.to_query.bias, ours.to_key_value.bias]),
        out_proj__weight=ours.to_output.weight,
        out_proj__bias=ours.to_output.bias,
    )
    allowed = ALLOWED[:, :4]
    yield ours(x, other, allowed), theirs(x, other, other, key_padding_mask=~allowed)[0]
    weights = theirs(x, other, other, average_attn_weights=False)[1]
    yield ours.weights(x, other), weights


def block_weights(ours, prefix):
    packed = ours.attention.to_query_key_value
    weights = {
        "attn__in_proj_weight": packed.weight,
        "attn__in_proj_bias": packed.bias,
        "attn__out_proj__weight": ours.attention.to_output.weight,
        "attn__out_proj__bias": ours.attention.to_output.bias,
        "lin__weight": ours.linear.weight,
        "lin__bias": ours.linear.bias,
    }
    for norm in ("1", "2"):
        module = ours.get_submodule(f"norm{norm}")
        weights |= {f"layer_norm{norm}__weight": module.weight, f"layer_norm{norm}__bias": module.bias}
    return {prefix + "__" + name: tensor for name, tensor in weights.items()}


@oracle("set", "torch_geometric: SetAttentionBlock, InducedSetAttentionBlock, PoolingByMultiheadAttention")
def set_attention():
    ours, x = build("set")
    real = ALLOWED[:, :5]
    theirs = copied(SetAttentionBlock(WIDTH, 2), **block_weights(randomised(ours).block, "mab"))
    yield ours(x), theirs(x)
    yield ours(x, real)[real], theirs(x, real)[real]  # outputs at padding have no meaning

    induced = randomised(InducedSetAttention(WIDTH, 2, points=3))
    blocks = block_weights(induced.to_points, "mab1") | block_weights(induced.from_points, "mab2")
    theirs = copied(InducedSetAttentionBlock(WIDTH, 3, 2), ind=induced.points[None], **blocks)
    yield induced(x), theirs(x)
    yield induced(x, real)[real], theirs(x, real)[real]

    pooling = randomised(SetPooling(WIDTH, 2, seeds=3))
    maps = {"seed": pooling.seeds[None], "lin__weight": pooling.linear.weight, "lin__bias": pooling.linear.bias}
    theirs = copied(PoolingByMultiheadAttention(WIDTH, 3, 2), **maps, **block_weights(pooling.block, "mab"))
    yield pooling(x), theirs(x)
    yield pooling(x, real), theirs(x, real)


@oracle(
    "convolutional",
    "a kernel of one step: torch.nn.MultiheadAttention, causal; three steps: a linear map of three steps",
)
def convolutional():
    ours = randomised(Convolutional(WIDTH, 2, kernel=1))
    x = torch.randn(2, 7, WIDTH).double()
    later = torch.ones(7, 7, dtype=torch.bool).triu(1)
    theirs = copied(
        nn.MultiheadAttention(WIDTH, 2, batch_first=True),
        in_proj_weight=torch.cat([ours.to_query_key.weight.squeeze(-1), ours.to_value.weight]),
        in_proj_bias=torch.cat([ours.to_query_key.bias, ours.to_value.bias]),
        out_proj__weight=ours.to_output.weight,
        out_proj__bias=ours.to_output.bias,
    )
    yield ours(x), theirs(x, x, x, attn_mask=later)[0]

    ours = randomised(Convolutional(WIDTH, 2, kernel=3))
    before = torch.cat([torch.zeros(2, 2, WIDTH).double(), x], 1)
    three = torch.cat([before[:, :-2], before[:, 1:-1], x], -1)  # (B, L, 3 D), the oldest step first
    maps = ours.to_query_key.weight.permute(0, 2, 1).flatten(1)
    query, key = (three @ maps.t() + ours.to_query_key.bias).chunk(2, -1)
    heads = [each.unflatten(-1, (2, -1)).transpose(1, 2) for each in (query, key, ours.to_value(x))]
    yield ours(x), ours.to_output(F.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).flatten(2))


def by_bisection(scores, alpha):
    """The threshold of entmax for each row, in a loop of its own."""
    rows = []
    for row in scores.flatten(0, -2):
        low, high = (alpha - 1) * row.max() - 1, (alpha - 1) * row.max()
        for _ in range(200):
            middle = (low + high) / 2
            total = ((alpha - 1) * row - middle).clamp(min=0).pow(1 / (alpha - 1)).sum()
            low, high = (middle, high) if total > 1 else (low, middle)
        rows.append(((alpha - 1) * row - low).clamp(min=0).pow(1 / (alpha - 1)))
    return torch.stack(rows).view_as(scores)


@oracle("entmax", "bisection in a loop; alpha 2: sparsemax; entmax_bisect; only allowed keys")
def entmax_attention():
    ours, query, key, value = build("entmax")
    scores = 2 * query @ key.mT / math.sqrt(WIDTH)
    yield ours.weights(2 * query, key, value), by_bisection(scores, 1.5)
    yield ours.weights(2 * query, key, value), entmax.entmax_bisect(scores, 1.5)
    yield Entmax(1.2)(scores, None), by_bisection(scores, 1.2)
    yield Entmax(2.0)(scores, None), Sparsemax()(scores, None)
    learned = LearnedEntmax(2).double()
    with torch.no_grad():
        learned.raw.copy_(torch.tensor([-1.0, 2.0]))
    heads = scores[:, None].expand(-1, 2, -1, -1)
    expected = [by_bisection(scores, 1 + torch.sigmoid(raw)) for raw in learned.raw.detach()]
    yield learned(heads, None), torch.stack(expected, 1)
    keys = [0, 1, 3, 4]
    for part in (Entmax(), Entmax(1.3)):
        yield part(scores, ALLOWED[:1, None])[..., keys], part(scores[..., keys], None)
