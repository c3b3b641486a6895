"""The one function that all attention goes through: weights = normalise(score(q, k) + bias, mask), weights @ v.

Letters: B batch, H heads of queries, G heads of keys, R = H / G, L queries, S keys, E width of a head.
"""

from collections.abc import Callable
from functools import partial

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.kernels import Backend, Request, plan
from transduce.attention.masks import DenseMask, Mask
from transduce.attention.normalisers import Normaliser, Softmax
from transduce.attention.scores import ScaledDotProduct, Score
from transduce.layers.dropout import dropout as dropped

DOT_PRODUCT = ScaledDotProduct()
SOFTMAX = Softmax()


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
    """Each query's mean of the values, weighted by how well it matches the keys it may see.

    A query that may attend to nothing gives zeros. One key gives its value, whatever the scores. With G below H, each
    head of keys and values serves H / G heads of queries that stand side by side (Ainslie et al. 2023, 2305.13245).
    `dropout` is the share of the weights that are set to zero while the others grow by as much: for training only.
    `backend` forces one of "reference", "matmul", "sdpa"; a ValueError says when that one cannot do the job. Otherwise
    `plan` chooses.
    """
    dense = _written_out(mask, query, key)
    if query.shape[1] != key.shape[1]:
        fold = partial(_fold, key_heads=key.shape[1], shared=query.shape[1] // key.shape[1], queries=query.shape[2])
        heads = attend(
            fold(query),
            key,
            value,
            None if dense is None else DenseMask(fold(dense.allowed)),
            bias=None if bias is None else fold(bias),
            score=score,
            normalise=normalise,
            dropout=dropout,
            backend=backend,
        )
        apart: Tensor = heads.unflatten(2, (-1, query.shape[2]))  # (B, G, R L, V) -> (B, G, R, L, V)
        return apart.flatten(1, 2)
    request = Request(
        device=query.device.type,
        keys=key.shape[2],
        dot_product=isinstance(score, ScaledDotProduct),
        softmax=isinstance(normalise, Softmax),
    )
    chosen = plan(request, backend).backend
    if chosen == "reference":
        return dropped(attention_weights(query, key, dense, bias, score, normalise), dropout, True) @ value
    assert isinstance(score, ScaledDotProduct)
    return FUSED[chosen](query, key, value, dense, bias, score.factor(query.shape[-1]), dropout)


def attention_weights(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S E"],
    mask: Mask | DenseMask | None = None,
    bias: Float[Tensor, "..."] | None = None,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
) -> Float[Tensor, "B H L S"]:
    """The weights of the values in `attend`, by definition: for every score and normaliser, and for people to look at."""
    dense = _written_out(mask, query, key)
    if query.shape[1] != key.shape[1]:
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scores = score(query, key)
    if bias is not None:
        scores = scores + bias
    return normalise(scores, None if dense is None else dense.allowed)


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
    scores = (query * scale) @ key.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias
    if mask is None:
        return dropped(scores.softmax(-1), dropout, True) @ value
    weights = dropped((scores + mask.additive(scores.dtype)).softmax(-1), dropout, True)
    return _zero_where_nothing_seen(weights @ value, mask)


def _sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: DenseMask | None,
    bias: Tensor | None,
    scale: float,
    dropout: float,
) -> Tensor:
    """PyTorch's scaled_dot_product_attention, in whichever fused form the device has."""
    added = bias
    if mask is not None:
        added = mask.additive(query.dtype) if bias is None else bias + mask.additive(query.dtype)
    heads = F.scaled_dot_product_attention(query, key, value, attn_mask=added, dropout_p=dropout, scale=scale)
    return heads if mask is None else _zero_where_nothing_seen(heads, mask)


def _zero_where_nothing_seen(heads: Tensor, mask: DenseMask) -> Tensor:
    return heads if mask.every_query_sees else heads * mask.allowed.any(-1, keepdim=True)


Fused = Callable[[Tensor, Tensor, Tensor, DenseMask | None, Tensor | None, float, float], Tensor]
FUSED: dict[Backend, Fused] = {"matmul": _matmul, "sdpa": _sdpa}


def _written_out(mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> DenseMask | None:
    if mask is None or isinstance(mask, DenseMask):
        return mask
    batch, heads, queries, _ = query.shape
    return mask.written_out(batch, heads, queries, key.shape[2], query.device)


def _fold(x: Tensor, key_heads: int, shared: int, queries: int) -> Tensor:
    """Heads of queries that share keys, as further queries of one head: (B, G R, L, X) -> (B, G, R L, X).

    `x` may be a mask or a bias, whose axes of size 1 stay so where they can.
    """
    x = x[(None,) * (4 - x.ndim)]
    if x.shape[1] > 1:
        apart: Tensor = x.expand(-1, -1, queries, -1).unflatten(1, (key_heads, shared))
        return apart.flatten(2, 3)
    return x if x.shape[2] == 1 else x.repeat(1, 1, shared, 1)
