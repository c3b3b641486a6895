"""The one function that all attention goes through.

    weights = normalise(score(query, key) + bias, mask)         attention_weights
    output  = dropout(weights) @ value                          attend

By default that is softmax(query key^T / sqrt(E)) value (Vaswani et al. 2017, 1706.03762, section 3.2.1). The kernels
below compute the same faster. `explain` says which one computes a call, and why.

A mask is True where a query may attend to a key; softmax gives the other keys the weight 0. Numbers at keys that no query
may see have no influence, NaN and infinity neither. Scores and weights of float16 are computed in float32, as products of
float16 overflow above 65504.

Letters: B batch, H heads of queries, G heads of keys, R = H / G, L queries, S keys, E width of a query, F of a key
(E for dot products), V of a value.
"""

from functools import partial
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.attention.checks import check_arguments, check_dense_mask, check_rule, check_scores
from transduce.attention.dot_product import DotProducts, without_hidden_keys, zero_hidden
from transduce.attention.kernels import Backend, Plan, Request, plan
from transduce.attention.linear import FeatureMap, causal_linear_attend, linear_attend
from transduce.attention.mask import Band, DenseMask, Mask
from transduce.attention.normalisers import Normaliser, Softmax
from transduce.attention.scores import DotProductScore, FeatureKernel, ScaledDotProduct, Score
from transduce.attention.windowed import windowed_attend
from transduce.layers.dropout import dropout as drop

DOT_PRODUCT = ScaledDotProduct()
SOFTMAX = Softmax()


def attention_weights(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S F"],
    mask: Mask | DenseMask | None = None,
    bias: Float[Tensor, "..."] | None = None,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
) -> Float[Tensor, "B H L S"]:
    """How much each query attends to each key. With G below H, each head of keys serves H / G heads of queries."""
    check_arguments(query, key, key, mask, bias, score, normalise)
    dense = _dense(mask, query, key)
    if dense is not None:
        key = zero_hidden(key, dense)
    return _weights(query, key, dense, bias, score, normalise)


def _weights(
    query: Tensor, key: Tensor, mask: DenseMask | None, bias: Tensor | None, score: Score, normalise: Normaliser
) -> Tensor:
    scores = score(query, key.repeat_interleave(query.shape[1] // key.shape[1], dim=1))
    check_scores(scores, query, key)
    if scores.dtype is torch.float16:
        scores = scores.float()
    if bias is not None:
        scores = scores + bias
    allowed = None if mask is None else mask.allowed
    if isinstance(score, FeatureKernel):
        # a kernel of 0 is a weight of 0, and a row of them gives zeros, as sums over the keys have it
        similar = scores != -torch.inf
        allowed = similar if allowed is None else allowed & similar
    return normalise(scores, allowed).to(query.dtype)


def attend(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S F"],
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
    `backend` forces one of "reference", "matmul", "sdpa", "windowed", "linear"; ValueError for another name, and where that one
    cannot compute this.
    """
    check_arguments(query, key, value, mask, bias, score, normalise)
    kernel = _plan(query, key, mask, bias, score, normalise, dropout, backend).backend
    if kernel == "reference":
        dense = _dense(mask, query, key)
        compute = partial(_reference, query, mask=dense, bias=bias, score=score, normalise=normalise, dropout=dropout)
        return compute(key, value) if dense is None else without_hidden_keys(compute, key, value, dense)
    if kernel == "linear":
        return _linear(query, key, value, mask, cast(FeatureKernel, score).feature_map)
    dot_products = cast(DotProductScore, score)
    if kernel == "windowed":
        band = _window(mask, query, key)
        assert band is not None
        return windowed_attend(query, key, value, band, DotProducts(_of_chunks(query), dot_products, dropout))
    return DotProducts(kernel, dot_products, dropout)(query, key, value, _dense(mask, query, key), bias)


def explain(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S F"],
    mask: Mask | DenseMask | None = None,
    *,
    bias: Float[Tensor, "..."] | None = None,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
    dropout: float = 0.0,
    backend: Backend | None = None,
) -> Plan:
    """The kernel that computes `attend` with these arguments, and the reason; the values do not matter.

    For a score of one's own it returns `Plan("reference", "the score is no scaled dot product")`. ValueError as in `attend`.
    """
    check_arguments(query, key, key, mask, bias, score, normalise)
    if isinstance(mask, Mask):
        check_rule(mask, query, key)
    return _plan(query, key, mask, bias, score, normalise, dropout, backend)


def _plan(
    query: Tensor,
    key: Tensor,
    mask: Mask | DenseMask | None,
    bias: Tensor | None,
    score: Score,
    normalise: Normaliser,
    dropout: float,
    backend: Backend | None,
) -> Plan:
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout must be at least 0 and below 1, found {dropout}")
    band = _window(mask, query, key)
    request = Request(
        device=query.device.type,
        keys=key.shape[2],
        dot_product=hasattr(score, "factors"),
        softmax=isinstance(normalise, Softmax),
        window=None if band is None else band.window,
        bias=bias is not None,
        bytes=query.element_size(),
        sums=isinstance(score, FeatureKernel)
        and isinstance(normalise, Softmax)
        and bias is None
        and not dropout
        and _sums_respect(mask, query, key),
    )
    return plan(request, backend)


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
    weights = drop(_weights(query, key, mask, bias, score, normalise), dropout, training=True)
    return weights @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)


def _window(mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> Band | None:
    """The band of a mask that limits both sides, over as many keys as queries."""
    if not isinstance(mask, Mask) or mask.band is None or query.shape[2] != key.shape[2]:
        return None
    return mask.band if mask.band.window is not None else None


def _of_chunks(query: Tensor) -> Literal["matmul", "sdpa"]:
    """The kernel of short chunks."""
    return "matmul" if query.device.type == "cpu" else "sdpa"


def _sums_respect(mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> bool:
    """Whether a mask is none, one of keys alone, or the causal one of a square."""
    if mask is None:
        return True
    if isinstance(mask, DenseMask):
        return mask.is_causal or mask.allowed.shape[1:3] == (1, 1)
    if mask.band is None or mask.band.before is not None:
        return False
    return mask.band.after is None or (mask.band.is_causal and query.shape[2] == key.shape[2])


def _linear(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask | DenseMask | None, feature_map: FeatureMap
) -> Tensor:
    if query.dtype is torch.float16:  # sums over many keys overflow
        return _linear(query.float(), key.float(), value.float(), mask, feature_map).to(query.dtype)
    shared = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(shared, dim=1), value.repeat_interleave(shared, dim=1)
    if isinstance(mask, Mask):
        assert mask.band is not None
        causal = mask.band.is_causal
        mask = None if causal else mask.written_out(len(query), 1, 1, key.shape[2], key.device)
    else:
        causal = mask is not None and mask.is_causal
    if causal:
        return causal_linear_attend(query, key, value, feature_map)
    allowed = None if mask is None else mask.allowed[:, :, 0].expand(key.shape[:3])
    return linear_attend(query, key, value, feature_map, allowed)


def _dense(mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> DenseMask | None:
    """A mask that `check_arguments` has seen, as a tensor."""
    if not isinstance(mask, Mask):
        return mask
    batch, heads, queries, _ = query.shape
    dense = mask.written_out(batch, heads, queries, key.shape[2], query.device)
    check_dense_mask(dense, query, key)
    return dense
