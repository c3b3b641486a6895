"""Kernels for dot products with a softmax: softmax(scale * query key^T + bias, mask) value.

Letters: B batch, H heads of queries, G heads of keys, R = H / G, L queries, S keys, E width of a head, V width of a value.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.mask import DenseMask
from transduce.attention.scores import DotProductScore
from transduce.layers.dropout import dropout as drop


@dataclass(frozen=True)
class DotProducts:
    """A kernel, its score, and the share of the weights that become zero."""

    kernel: Literal["matmul", "sdpa"]
    score: DotProductScore
    dropout: float = 0.0

    def __call__(
        self,
        query: Float[Tensor, "B H L E"],
        key: Float[Tensor, "B G S E"],
        value: Float[Tensor, "B G S V"],
        mask: DenseMask | None = None,
        bias: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "B H L V"]:
        """With G below H, each head of keys and values serves H / G neighbouring heads of queries."""
        compute = partial(self._grouped, query, mask=mask, bias=bias)
        return compute(key, value) if mask is None else without_hidden_keys(compute, key, value, mask)

    def _grouped(
        self, query: Tensor, key: Tensor, value: Tensor, mask: DenseMask | None, bias: Tensor | None
    ) -> Tensor:
        # here, where hidden keys are zeros: the gradient of a map of keys, such as that to cosines, must not meet NaN
        query, key, scale = self.score.factors(query, key)
        compute = partial(_matmul if self.kernel == "matmul" else _sdpa, scale=scale, dropout=self.dropout)
        if query.shape[1] == key.shape[1]:
            return compute(query, key, value, mask, bias)
        # Queries that share keys become queries of one head, so that keys and values are not copied for each of them.
        shared = query.shape[1] // key.shape[1]
        fold = partial(_fold_grouped_heads, key_heads=key.shape[1], queries=query.shape[2], shared=shared)
        mask = None if mask is None else DenseMask(fold(mask.allowed))
        output = compute(fold(query), key, value, mask, None if bias is None else fold(bias))
        by_head: Tensor = output.unflatten(2, (shared, query.shape[2]))  # (B, G, R L, V) -> (B, G, R, L, V)
        return by_head.flatten(1, 2)


def without_hidden_keys(
    compute: Callable[[Tensor, Tensor], Tensor],
    key: Float[Tensor, "B G S E"],
    value: Float[Tensor, "B G S V"],
    mask: DenseMask,
) -> Float[Tensor, "B H L V"]:
    """compute(key, value), in which keys that no query sees have no influence: 0, their weight, times NaN would be NaN.

    Zeros in their place need a copy of keys and values, up to three quarters of the time of `attend` on a CPU. There the
    output tells whether that is necessary. On an accelerator, and in torch.compile, the answer costs more than the copy.
    """
    hidden = mask.hidden_keys
    if hidden is None:
        return compute(key, value)
    if key.device.type == "cpu" and not torch.compiler.is_compiling():
        output = compute(key, value)
        # the sum is finite only where all numbers are; keys may show in the gradient alone, such as those of minus infinity
        total = output.detach().sum(dtype=torch.float32)
        if torch.is_grad_enabled():
            total = total + key.detach().sum(dtype=torch.float32)
        if math.isfinite(total.item()):
            return output
    return compute(zero_hidden(key, mask), zero_hidden(value, mask))


def zero_hidden(x: Float[Tensor, "B G S X"], mask: DenseMask) -> Float[Tensor, "B G S X"]:
    """Keys or values, with zeros at those that no query sees."""
    hidden = mask.hidden_keys
    if hidden is None:
        return x
    if 1 < hidden.shape[1] != x.shape[1]:
        hidden = hidden.unflatten(1, (x.shape[1], -1)).all(2)  # (_, H, S, 1) -> (_, G, R, S, 1) -> (_, G, S, 1)
    return x.masked_fill(hidden, 0.0)


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
    if query.dtype is torch.float16:  # products overflow above 65504
        query, key = query.float(), key.float()
    scores = (query * scale) @ key.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias
    if mask is None:
        return drop(scores.softmax(-1).to(value.dtype), dropout, training=True) @ value
    weights = (scores + mask.additive(scores.dtype)).softmax(-1).to(value.dtype)
    weights = drop(weights, dropout, training=True)
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
    causal = mask is not None and mask.is_causal and bias is None
    if mask is not None and not causal:
        bias = mask.additive(query.dtype) if bias is None else bias + mask.additive(query.dtype)
    output = F.scaled_dot_product_attention(
        query, key, value, attn_mask=bias, dropout_p=dropout, is_causal=causal, scale=scale
    )
    return output if mask is None else _zero_without_keys(output, mask)


def _zero_without_keys(output: Tensor, mask: DenseMask) -> Tensor:
    return output if mask.every_query_sees else output.masked_fill(~mask.allowed.any(-1, keepdim=True), 0.0)


def _fold_grouped_heads(x: Tensor, key_heads: int, queries: int, shared: int) -> Tensor:
    """Heads of queries that share keys, as further queries of one head: (B, G R, L, X) -> (B, G, R L, X).

    `x` may be a mask or a bias: its axes of size 1 stay so where they can.
    """
    x = x[(None,) * (4 - x.ndim)]
    if x.shape[1] > 1:
        by_key_head: Tensor = x.expand(-1, -1, queries, -1).unflatten(1, (key_heads, shared))
        return by_key_head.flatten(2, 3)
    return x if x.shape[2] == 1 else x.repeat(1, 1, shared, 1)
