"""Attention in linear time: a kernel phi(q) . phi(k) in place of exp(q . k), so that sums over keys are computed once.

    output_i = phi(q_i)^T sum_j phi(k_j) v_j^T / phi(q_i)^T sum_j phi(k_j)

(Katharopoulos et al. 2020, 2006.16236; the view of attention as a kernel: Tsai et al. 2019, 1908.11775.)

Letters: B batch, H heads, L queries, S keys, E width of a head, M features, V width of a value, C tokens of a chunk.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.ranges import at_least

FeatureMap = Callable[[Tensor], Tensor]

CHUNK = 128  # tokens: within a chunk attention is a matrix, between chunks a state
BLOCK = 32 * CHUNK  # tokens that are computed at once


class _EluPlusOne(torch.autograd.Function):
    """Its gradient from its output: autograd through `clamp` takes ten times as long."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clamp(-43.0, 0.0).exp_().add_(F.relu(x))

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        context.save_for_backward(output)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (features,) = context.saved_tensors
        slope: Tensor = features.clamp(max=1.0)  # exp(x) below 0, 1 above
        return gradient * slope


def elu_plus_one(x: Float[Tensor, "*B E"]) -> Float[Tensor, "*B E"]:
    """elu(x) + 1, which is x + 1 above 0 and exp(x) below (Katharopoulos et al. 2020), and at least exp(-43).

    As a sum with 1 it would lose its digits far below 0. The product of two features below exp(-43) is no number of float32.
    """
    features: Tensor = _EluPlusOne.apply(x)  # type: ignore[no-untyped-call]
    return features


def degree_two(x: Float[Tensor, "*B E"]) -> Float[Tensor, "*B E*E"]:
    """All products of two features: phi(q) . phi(k) is exactly (q . k)^2. A query that is orthogonal to all keys gives zeros."""
    products: Tensor = (x.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)
    return products


@dataclass(frozen=True)
class PositiveRandomFeatures:
    """FAVOR+: exp(w . x - |x|^2 / 2) / sqrt(M) for M random w; the mean of phi(q) . phi(k) is exp(q . k / sqrt(E))
    (Choromanski et al. 2020, 2009.14794). The vectors are orthogonal in blocks of E, which lowers the variance.
    """

    width: int
    features: int
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("PositiveRandomFeatures: width", self.width, 1)
        at_least("PositiveRandomFeatures: features", self.features, 1)

    @cached_property
    def vectors(self) -> Float[Tensor, "M E"]:
        """Directions of random orthogonal matrices, lengths of Gaussian vectors."""
        generator = torch.Generator().manual_seed(self.seed)
        count = math.ceil(self.features / self.width)
        rotations, triangles = torch.linalg.qr(torch.randn(count, self.width, self.width, generator=generator))
        # without the signs of the diagonal the rotations are not uniform, and the kernel is biased
        signs = triangles.diagonal(dim1=-2, dim2=-1).sign()
        directions: Tensor = (rotations * signs.unsqueeze(-2)).flatten(0, 1)[: self.features]
        lengths: Tensor = torch.randn(self.features, self.width, generator=generator).norm(dim=-1, keepdim=True)
        return directions * lengths

    def __call__(self, x: Float[Tensor, "*B E"]) -> Float[Tensor, "*B M"]:
        x = x * self.width**-0.25
        projected = x @ self.vectors.to(x).t()
        return torch.exp(projected - x.square().sum(-1, keepdim=True) / 2) / math.sqrt(self.features)


class LinearState(NamedTuple):
    """The sums over the keys so far: all that later tokens need."""

    products: Float[Tensor, "*B M V"]
    total: Float[Tensor, "*B M"]


def linear_attend(
    query: Float[Tensor, "*B L E"],
    key: Float[Tensor, "*B S E"],
    value: Float[Tensor, "*B S V"],
    feature_map: FeatureMap = elu_plus_one,
    keys_allowed: Bool[Tensor, "*B S"] | None = None,
) -> Float[Tensor, "*B L V"]:
    """Every query attends to every allowed key. A query without keys gives zeros."""
    if keys_allowed is not None:  # NaN behind the mask must not come through, in a gradient neither
        hidden = ~keys_allowed.unsqueeze(-1)
        key, value = key.masked_fill(hidden, 0.0), value.masked_fill(hidden, 0.0)
    queries, keys = feature_map(query), feature_map(key)
    if keys_allowed is not None:
        keys = keys.masked_fill(hidden, 0.0)
    return _divide(queries @ (keys.transpose(-2, -1) @ value), queries @ keys.sum(-2).unsqueeze(-1))


def linear_step(
    query: Float[Tensor, "*B E"],
    key: Float[Tensor, "*B E"],
    value: Float[Tensor, "*B V"],
    state: LinearState | None = None,
    feature_map: FeatureMap = elu_plus_one,
) -> tuple[Float[Tensor, "*B V"], LinearState]:
    """One more token of a causal sequence: the cost does not depend on the tokens before it."""
    query, key = feature_map(query), feature_map(key)
    products, total = key.unsqueeze(-1) * value.unsqueeze(-2), key
    if state is not None:
        products, total = state.products + products, state.total + total
    output = _divide((query.unsqueeze(-2) @ products).squeeze(-2), (query * total).sum(-1, keepdim=True))
    return output, LinearState(products, total)


def causal_linear_attend(
    query: Float[Tensor, "*B L E"],
    key: Float[Tensor, "*B L E"],
    value: Float[Tensor, "*B L V"],
    feature_map: FeatureMap = elu_plus_one,
    chunk: int = CHUNK,
) -> Float[Tensor, "*B L V"]:
    """Every query attends to keys up to its own. Time and memory are linear in L.

    Chunks are computed side by side: a matrix of weights within each, and the sums over all chunks before it. Blocks of many
    chunks follow each other, so that the tensors of a block stay small enough for a CPU's memory allocator and caches.
    """
    at_least("chunk", chunk, 1)
    outputs: list[Tensor] = []
    state: LinearState | None = None
    queries, keys, values = (each.split(BLOCK, dim=-2) for each in (query, key, value))
    for q, k, v in zip(queries, keys, values, strict=True):
        output, state = _causal_block(q, k, v, state, feature_map, chunk)
        outputs.append(output)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-2)


def _causal_block(
    query: Tensor, key: Tensor, value: Tensor, state: LinearState | None, feature_map: FeatureMap, chunk: int
) -> tuple[Tensor, LinearState]:
    """Queries attend to keys of the block up to their own, and to those whose sums are in `state`."""
    length = query.shape[-2]
    chunks = max(1, -(-length // chunk))
    padding = (0, 0, 0, chunks * chunk - length)  # padding comes later than all tokens, so that no token sees it
    queries, keys, values = (
        F.pad(each, padding).unflatten(-2, (-1, chunk)) for each in (feature_map(query), feature_map(key), value)
    )  # (*B, N, C, M or V)
    products = keys.transpose(-2, -1) @ values  # (*B, N, M, V)
    totals = keys.sum(-2)  # (*B, N, M)
    if state is None:
        state = LinearState(torch.zeros_like(products[..., 0, :, :]), torch.zeros_like(totals[..., 0, :]))
    # row n: the sums before chunk n. As sums up to it less its own they would keep the rounding of large later keys
    products = torch.cat([state.products.unsqueeze(-3), products], -3).cumsum(-3)  # (*B, N + 1, M, V)
    totals = torch.cat([state.total.unsqueeze(-2), totals], -2).cumsum(-2)
    weights = (queries @ keys.transpose(-2, -1)).tril()  # (*B, N, C, C)
    outputs = queries @ products[..., :-1, :, :] + weights @ values
    normaliser = queries @ totals[..., :-1, :].unsqueeze(-1) + weights.sum(-1, keepdim=True)
    tokens: Tensor = _divide(outputs, normaliser).flatten(-3, -2)
    return tokens[..., :length, :], LinearState(products[..., -1, :, :], totals[..., -1, :])


def _divide(output: Tensor, normaliser: Tensor) -> Tensor:
    return torch.where(normaliser == 0, 0.0, output / normaliser.masked_fill(normaliser == 0, 1.0))
