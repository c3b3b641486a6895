"""The one function that all attention goes through: weights = normalise(score(q, k) + bias, mask), weights @ v.

Letters: B batch, H heads, L queries, S keys, E width of a head.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.kernels import Backend, Request, plan
from transduce.attention.masks import DenseMask, Mask
from transduce.attention.normalisers import Normaliser, Softmax
from transduce.attention.scores import ScaledDotProduct, Score
from transduce.layers.dropout import dropout

DOT_PRODUCT = ScaledDotProduct()
SOFTMAX = Softmax()


def attend(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B H S E"],
    value: Float[Tensor, "B H S V"],
    mask: Mask | DenseMask | None = None,
    *,
    bias: Float[Tensor, "..."] | None = None,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
    backend: Backend | None = None,
) -> Float[Tensor, "B H L V"]:
    """Each query's mean of the values, weighted by how well it matches the keys it may see.

    A query that may attend to nothing gives zeros. One key gives its value, whatever the scores. `backend` forces one
    of "reference", "matmul", "sdpa"; a ValueError says when that one cannot do the job. Otherwise `plan` chooses.
    """
    dense = _written_out(mask, query, key)
    request = Request(
        device=query.device.type,
        keys=key.shape[2],
        dot_product=isinstance(score, ScaledDotProduct),
        softmax=isinstance(normalise, Softmax),
    )
    chosen = plan(request, backend).backend
    if chosen == "reference":
        return reference(query, key, value, dense, bias, score, normalise)
    assert isinstance(score, ScaledDotProduct) and isinstance(normalise, Softmax)
    return FUSED[chosen](query, key, value, dense, bias, score.factor(query.shape[-1]), normalise.dropout)


def reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: DenseMask | None,
    bias: Tensor | None,
    score: Score,
    normalise: Normaliser,
) -> Tensor:
    """The definition, for every score and normaliser."""
    return attention_weights(query, key, mask, bias, score, normalise) @ value


def attention_weights(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B H S E"],
    mask: Mask | DenseMask | None = None,
    bias: Float[Tensor, "..."] | None = None,
    score: Score = DOT_PRODUCT,
    normalise: Normaliser = SOFTMAX,
) -> Float[Tensor, "B H L S"]:
    """How much each query takes of each key's value: what `attend` weighs the values by, for people to look at."""
    dense = _written_out(mask, query, key)
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
    dropped: float,
) -> Tensor:
    """Plain products: the least overhead at short lengths on a CPU."""
    scores = (query * scale) @ key.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias
    if mask is None:
        return dropout(scores.softmax(-1), dropped, True) @ value
    weights = dropout((scores + mask.additive(scores.dtype)).softmax(-1), dropped, True)
    return _zero_where_nothing_seen(weights @ value, mask)


def _sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: DenseMask | None,
    bias: Tensor | None,
    scale: float,
    dropped: float,
) -> Tensor:
    """PyTorch's scaled_dot_product_attention, in whichever fused form the device has."""
    added = bias
    if mask is not None:
        added = mask.additive(query.dtype) if bias is None else bias + mask.additive(query.dtype)
    heads = F.scaled_dot_product_attention(query, key, value, attn_mask=added, dropout_p=dropped, scale=scale)
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
