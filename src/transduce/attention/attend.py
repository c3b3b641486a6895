"""The one function that all attention goes through.

    weights = normalise(score(query, key) + bias, mask)         attention_weights
    output  = dropout(weights) @ value                          attend

By default that is softmax(query key^T / sqrt(E)) value (Vaswani et al. 2017, 1706.03762, section 3.2.1). The kernels
below compute the same faster. `explain` says which one computes a call, and why.

A mask is True where a query may attend to a key; softmax gives the other keys the weight 0.

Letters: B batch, H heads of queries, G heads of keys, R = H / G, L queries, S keys, E width of a query, F of a key
(E for dot products), V of a value.
"""

from functools import partial

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
    `backend` forces one of "reference", "matmul", "sdpa"; ValueError where that one cannot compute this.
    """
    kernel = explain(query, key, score=score, normalise=normalise, backend=backend).backend
    if kernel == "reference":
        weights = drop(attention_weights(query, key, mask, bias, score, normalise), dropout, training=True)
        return weights @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
    assert isinstance(score, ScaledDotProduct)
    compute = _matmul if kernel == "matmul" else _sdpa
    scale, dense = score.factor(query.shape[-1]), _dense(mask, query, key)
    if query.shape[1] == key.shape[1]:
        return compute(query, key, value, dense, bias, scale, dropout)
    # Queries that share keys become queries of one head, so that keys and values are not copied for each of them.
    fold = partial(
        _fold_grouped_heads, key_heads=key.shape[1], queries=query.shape[2], shared=query.shape[1] // key.shape[1]
    )
    dense = None if dense is None else DenseMask(fold(dense.allowed))
    output = compute(fold(query), key, value, dense, None if bias is None else fold(bias), scale, dropout)
    by_head: Tensor = output.unflatten(2, (-1, query.shape[2]))  # (B, G, R L, V) -> (B, G, R, L, V)
    return by_head.flatten(1, 2)


def explain(
    query: Float[Tensor, "B H L E"],
    key: Float[Tensor, "B G S F"],
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
        return drop(scores.softmax(-1), dropout, training=True) @ value
    weights = drop((scores + mask.additive(scores.dtype)).softmax(-1), dropout, training=True)
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
    return output if mask.every_query_sees else output * mask.allowed.any(-1, keepdim=True)


def _dense(mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> DenseMask | None:
    if mask is None or isinstance(mask, DenseMask):
        return mask
    batch, heads, queries, _ = query.shape
    return mask.written_out(batch, heads, queries, key.shape[2], query.device)


def _fold_grouped_heads(x: Tensor, key_heads: int, queries: int, shared: int) -> Tensor:
    """Heads of queries that share keys, as further queries of one head: (B, G R, L, X) -> (B, G, R L, X).

    `x` may be a mask or a bias: its axes of size 1 stay so where they can.
    """
    x = x[(None,) * (4 - x.ndim)]
    if x.shape[1] > 1:
        by_key_head: Tensor = x.expand(-1, -1, queries, -1).unflatten(1, (key_heads, shared))
        return by_key_head.flatten(2, 3)
    return x if x.shape[2] == 1 else x.repeat(1, 1, shared, 1)
