"""The one function that all attention goes through.

    weights = normalise(score(query, key) + bias, mask)         attention_weights
    output  = dropout(weights) @ value                          attend

By default that is softmax(query key^T / sqrt(E)) value (Vaswani et al. 2017, 1706.03762, section 3.2.1). The kernels
below compute the same faster. `explain` says which one computes a call, and why.

A mask is True where a query may attend to a key; softmax gives the other keys the weight 0. Numbers at keys that no query
may see have no influence, NaN and infinity neither. Scores and weights of float16 are computed in float32, as products of
float16 overflow above 65504.

Letters: B batch, H heads of queries, G heads of keys, R = H / G, L queries, S keys, E width of a head, V width of a value.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.kernels import Backend, Plan, Request, plan
from transduce.attention.masks import DenseMask, Mask
from transduce.attention.normalisers import Normaliser, Softmax
from transduce.attention.scores import ScaledDotProduct, Score
from transduce.layers.dropout import dropout as drop

DOT_PRODUCT = ScaledDotProduct()
SOFTMAX = Softmax()


def attention_weights(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S E"],
    mask: Mask | DenseMask | None = None,
    bias: Float[Tensor, "..."] | None = None,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
) -> Float[Tensor, "B H L S"]:
    """How much each query attends to each key. With G below H, each head of keys serves H / G heads of queries."""
    _check_shapes(query, key, key, score)
    dense = _dense(mask, query, key)
    scores = score(query, key.repeat_interleave(query.shape[1] // key.shape[1], dim=1))
    if scores.dtype is torch.float16:
        scores = scores.float()
    if bias is not None:
        scores = scores + bias
    return normalise(scores, None if dense is None else dense.allowed).to(query.dtype)


def attend(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S E"],
    value: Float[Tensor, "B G S V"],
    mask: Mask | DenseMask | None = None,
    *,
    bias: Float[Tensor, "..."] | None = None,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
    dropout: float = 0.0,
    backend: Backend | None = None,
) -> Float[Tensor, "B H L V"]:
    """Each query's mean of the values, weighted by `attention_weights`.

    A query that may attend to nothing gives zeros. With G below H, each head of keys and values serves H / G neighbouring
    heads of queries (Ainslie et al. 2023, 2305.13245). `bias` must be finite: the mask hides keys. `dropout` is the share of
    the weights that become zero; the others are divided by 1 - dropout. It is for training only.
    `backend` forces one of "reference", "matmul", "sdpa"; ValueError where that one cannot compute this.
    """
    _check_shapes(query, key, value, score)
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout must be at least 0 and below 1, found {dropout}")
    kernel = explain(query, key, score=score, normalise=normalise, backend=backend).backend
    dense = _dense(mask, query, key)
    compute: Callable[[Tensor, Tensor], Tensor]
    if kernel == "reference":
        compute = partial(_reference, query, mask=dense, bias=bias, score=score, normalise=normalise, dropout=dropout)
    else:
        assert isinstance(score, ScaledDotProduct)
        scaled = partial(_matmul if kernel == "matmul" else _sdpa, scale=score.factor(query.shape[-1]), dropout=dropout)
        compute = partial(_grouped, scaled, query, mask=dense, bias=bias)
    return compute(key, value) if dense is None else _without_hidden_keys(compute, query, key, value, dense)


def explain(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S E"],
    *,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
    backend: Backend | None = None,
) -> Plan:
    """The kernel that computes `attend` with these arguments, and the reason; the other arguments do not matter.

    For a score of one's own it returns `Plan("reference", "the score is no scaled dot product")`.
    """
    request = Request(
        device=query.device.type,
        keys=key.shape[2],
        dot_product=isinstance(score, ScaledDotProduct),
        softmax=isinstance(normalise, Softmax),
    )
    return plan(request, backend)


def _without_hidden_keys(
    compute: Callable[[Tensor, Tensor], Tensor], query: Tensor, key: Tensor, value: Tensor, mask: DenseMask
) -> Tensor:
    """compute(key, value) in which keys that no query sees count as zeros: a weight of 0 times NaN would be NaN.

    Zeros in their place need a copy of keys and values, up to three quarters of the time of `attend` on a CPU. There the
    output tells whether that is necessary; on an accelerator the answer would stall it.
    """
    hidden = mask.hidden_keys
    if hidden is None:
        return compute(key, value)
    if query.device.type == "cpu":
        output = compute(key, value)
        # the sum is finite only where all numbers are; keys may show in the gradient alone, such as those of minus infinity
        total = output.detach().sum(dtype=torch.float32)
        if torch.is_grad_enabled():
            total = total + key.detach().sum(dtype=torch.float32)
        if math.isfinite(total.item()):
            return output
    if 1 < hidden.shape[1] != key.shape[1]:
        hidden = hidden.unflatten(1, (key.shape[1], -1)).all(2)  # (_, H, S, 1) -> (_, G, R, S, 1) -> (_, G, S, 1)
    return compute(key.masked_fill(hidden, 0.0), value.masked_fill(hidden, 0.0))


def _reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: DenseMask | None,
    bias: Tensor | None,
    score: Score,
    normalise: Normaliser,
    dropout: float,
) -> Tensor:
    weights = drop(attention_weights(query, key, mask, bias, score, normalise), dropout, training=True)
    return weights @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)


def _grouped(
    compute: Callable[..., Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: DenseMask | None,
    bias: Tensor | None,
) -> Tensor:
    """`_matmul` or `_sdpa` for G heads of keys: queries that share keys become queries of one head, without copies of keys."""
    if query.shape[1] == key.shape[1]:
        return compute(query, key, value, mask, bias)
    fold = partial(
        _fold_grouped_heads, key_heads=key.shape[1], queries=query.shape[2], shared=query.shape[1] // key.shape[1]
    )
    mask = None if mask is None else DenseMask(fold(mask.allowed))
    output = compute(fold(query), key, value, mask, None if bias is None else fold(bias))
    by_head: Tensor = output.unflatten(2, (-1, query.shape[2]))  # (B, G, R L, V) -> (B, G, R, L, V)
    return by_head.flatten(1, 2)


def _matmul(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: DenseMask | None,
    bias: Tensor | None,
    scale: float,
    dropout: float,
) -> Tensor:
    """Plain products: the least overhead at short lengths on a CPU."""
    if query.dtype is torch.float16:
        query, key = query.float(), key.float()
    scores = (query * scale) @ key.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias
    if mask is None:
        return drop(scores.softmax(-1).to(value.dtype), dropout, training=True) @ value
    weights = drop((scores + mask.additive(scores.dtype)).softmax(-1).to(value.dtype), dropout, training=True)
    return _zero_without_keys(weights @ value, mask)


def _sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: DenseMask | None,
    bias: Tensor | None,
    scale: float,
    dropout: float,
) -> Tensor:
    """PyTorch's scaled_dot_product_attention, in the fused form of the device."""
    if mask is not None:
        bias = mask.additive(query.dtype) if bias is None else bias + mask.additive(query.dtype)
    output = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout, scale=scale)
    return output if mask is None else _zero_without_keys(output, mask)


def _zero_without_keys(output: Tensor, mask: DenseMask) -> Tensor:
    return output if mask.every_query_sees else output.masked_fill(~mask.allowed.any(-1, keepdim=True), 0.0)


def _dense(mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> DenseMask | None:
    """The mask written out. ValueError where it does not suit queries and keys."""
    if mask is None:
        return None
    batch, heads, queries, _ = query.shape
    if isinstance(mask, Mask):
        mask = mask.written_out(batch, heads, queries, key.shape[2], query.device)
    elif not isinstance(mask, DenseMask):
        raise ValueError(
            f"a mask is a Mask or a DenseMask, found {type(mask).__name__}: DenseMask(tensor) holds a tensor "
            "(B, H, L, S) of type bool, True where a query may attend"
        )
    allowed, shape = mask.allowed, (batch, heads, queries, key.shape[2])
    if allowed.dtype is not torch.bool:
        raise ValueError(
            f"a mask needs the type bool, True where a query may attend, found {allowed.dtype}: add numbers to the scores "
            "as a bias"
        )
    if allowed.ndim != 4 or any(size not in (1, full) for size, full in zip(allowed.shape, shape, strict=True)):
        raise ValueError(
            f"a mask must have the shape (B, H, L, S) = {shape}, or 1 in the place of a size, found {tuple(allowed.shape)}"
        )
    return mask


def _check_shapes(query: Tensor, key: Tensor, value: Tensor, score: Score) -> None:
    queries, keys, values = tuple(query.shape), tuple(key.shape), tuple(value.shape)
    if not len(queries) == len(keys) == len(values) == 4:
        raise ValueError(
            "queries, keys and values need four axes (batch, heads, length, width), found the shapes "
            f"{queries}, {keys} and {values}"
        )
    if keys[:3] != values[:3]:
        raise ValueError(f"keys and values must have one batch, number of heads and length, found {keys} and {values}")
    if queries[0] != keys[0]:
        raise ValueError(f"queries and keys must be of one batch, found {queries[0]} and {keys[0]} rows")
    if queries[1] % keys[1]:
        raise ValueError(f"heads of queries must be a multiple of heads of keys, found {queries[1]} and {keys[1]}")
    if queries[3] != keys[3] and isinstance(score, ScaledDotProduct):
        raise ValueError(
            f"a scaled dot product needs queries and keys of one width, found {queries[3]} and {keys[3]}: the scores "
            "General and Additive take two widths"
        )


def _fold_grouped_heads(x: Tensor, key_heads: int, queries: int, shared: int) -> Tensor:
    """Heads of queries that share keys, as further queries of one head: (B, G R, L, X) -> (B, G, R L, X).

    `x` may be a mask or a bias: its axes of size 1 stay so where they can.
    """
    x = x[(None,) * (4 - x.ndim)]
    if x.shape[1] > 1:
        by_key_head: Tensor = x.expand(-1, -1, queries, -1).unflatten(1, (key_heads, shared))
        return by_key_head.flatten(2, 3)
    return x if x.shape[2] == 1 else x.repeat(1, 1, shared, 1)
