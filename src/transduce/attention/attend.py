"""The one function that all attention goes through.

    weights = normalise(score(query, key) + bias, mask)         attention_weights
    output  = dropout(weights) @ value                          attend

By default that is softmax(query key^T / sqrt(E)) value (Vaswani et al. 2017, 1706.03762, section 3.2.1). The kernels
below compute the same faster. `explain` says which one computes a call, and why.

A mask is True where a query may attend to a key; softmax gives the other keys the weight 0.

Letters: B batch, H heads of queries, G heads of keys, R = H / G, L queries, S keys, E width of a query, F of a key
(E for dot products), V of a value.
"""

from typing import cast

from jaxtyping import Float
from torch import Tensor

from transduce.attention.dot_product import DotProducts
from transduce.attention.kernels import Backend, Plan, Request, plan
from transduce.attention.linear import FeatureMap, causal_linear_attend, linear_attend
from transduce.attention.masks import Band, DenseMask, Mask
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
    key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scores = score(query, key)
    if bias is not None:
        scores = scores + bias
    dense = _dense(mask, query, key)
    return normalise(scores, None if dense is None else dense.allowed)


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
    heads of queries (Ainslie et al. 2023, 2305.13245). `dropout` is the share of the weights that become zero; the others
    are divided by 1 - dropout. It is for training only.
    `backend` forces one of "reference", "matmul", "sdpa", "windowed", "linear"; ValueError where that one cannot compute this.
    """
    kernel = explain(
        query, key, mask, bias=bias, score=score, normalise=normalise, dropout=dropout, backend=backend
    ).backend
    if kernel == "reference":
        weights = drop(attention_weights(query, key, mask, bias, score, normalise), dropout, training=True)
        return weights @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
    if kernel == "linear":
        return _linear(query, key, value, mask, cast(FeatureKernel, score).feature_map)
    query, key, scale = cast(DotProductScore, score).factors(query, key)
    if kernel == "windowed":
        band = _window(mask, query, key)
        assert band is not None
        return windowed_attend(query, key, value, band, DotProducts("matmul", scale, dropout))
    return DotProducts(kernel, scale, dropout)(query, key, value, _dense(mask, query, key), bias)


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

    For a score of one's own it returns `Plan("reference", "the score is no scaled dot product")`.
    """
    band = _window(mask, query, key)
    request = Request(
        device=query.device.type,
        keys=key.shape[2],
        dot_product=hasattr(score, "factors"),
        softmax=isinstance(normalise, Softmax),
        window=None if band is None else band.window,
        bias=bias is not None,
        sums=isinstance(score, FeatureKernel)
        and isinstance(normalise, Softmax)
        and bias is None
        and not dropout
        and _sums_respect(mask, query, key),
    )
    return plan(request, backend)


def _window(mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> Band | None:
    """The band of a mask that limits both sides, over as many keys as queries."""
    if not isinstance(mask, Mask) or mask.band is None or query.shape[2] != key.shape[2]:
        return None
    return mask.band if mask.band.window is not None else None


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
    if mask is None or isinstance(mask, DenseMask):
        return mask
    batch, heads, queries, _ = query.shape
    return mask.written_out(batch, heads, queries, key.shape[2], query.device)
