"""Pooling: several vectors to one, their mean with the weights of a softmax. It is attention with one query.

Letters: B batch axes, S vectors to pool, D width of the query and the keys, V width of the values.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mask import DenseMask
from transduce.attention.masks import zero_padding
from transduce.attention.scores import ScaledDotProduct

DOT = ScaledDotProduct(1.0)


def pool(
    query: Float[Tensor, "*#B D"],
    key: Float[Tensor, "*B S D"],
    value: Float[Tensor, "*B S V"],
    allowed: Bool[Tensor, "*B S"] | None = None,
) -> Float[Tensor, "*B V"]:
    """sum_j softmax_j(query . key_j) value_j over the allowed j; zeros where none is allowed. `query` may be one for all rows."""
    heads = _one_head(query, zero_padding(key, allowed))
    values = zero_padding(value, allowed).flatten(0, -3).unsqueeze(1)
    pooled: Tensor = attend(*heads, values, _mask(allowed), score=DOT)
    return pooled.view(*value.shape[:-2], -1)


def pool_weights(
    query: Float[Tensor, "*#B D"], key: Float[Tensor, "*B S D"], allowed: Bool[Tensor, "*B S"] | None = None
) -> Float[Tensor, "*B 1 S"]:
    """The weights of `pool`, one row for its query."""
    heads = _one_head(query, zero_padding(key, allowed))
    weights: Tensor = attention_weights(*heads, _mask(allowed), score=DOT)
    return weights.view(*key.shape[:-2], 1, -1)


def _one_head(query: Tensor, key: Tensor) -> tuple[Float[Tensor, "N 1 1 D"], Float[Tensor, "N 1 S D"]]:
    """All batch axes as one."""
    keys = key.flatten(0, -3).unsqueeze(1)
    return query.expand(*key.shape[:-2], -1).reshape(len(keys), 1, 1, -1), keys


def _mask(allowed: Tensor | None) -> DenseMask | None:
    return None if allowed is None else DenseMask(allowed.flatten(0, -2)[:, None, None, :])


class AdditivePooling(nn.Module):
    """softmax_j(u . tanh(W x_j + b)) x_j with a learned vector u (Yang et al. 2016, N16-1174, "context vector")."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.to_key = nn.Linear(width, hidden)
        self.query = nn.Parameter(torch.randn(hidden))

    def forward(self, x: Float[Tensor, "*B S D"], allowed: Bool[Tensor, "*B S"] | None = None) -> Float[Tensor, "*B D"]:
        x = zero_padding(x, allowed)  # the gradient of `to_key` must not meet NaN either
        return pool(self.query, self.to_key(x).tanh(), x, allowed)

    def weights(
        self, x: Float[Tensor, "*B S D"], allowed: Bool[Tensor, "*B S"] | None = None
    ) -> Float[Tensor, "*B 1 S"]:
        return pool_weights(self.query, self.to_key(zero_padding(x, allowed)).tanh(), allowed)
