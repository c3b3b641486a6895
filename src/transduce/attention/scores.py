"""Scores: how well each key matches each query, before bias, mask and normaliser.

A score is any function of queries and keys. Those with parameters are modules. All heads share the parameters of one score,
whose widths are those of a head.

Letters: B batch axes (batch and heads), L queries, S keys, E width of a query, F width of a key, A hidden width, H heads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.biases import distances
from transduce.attention.linear import FeatureMap, elu_plus_one
from transduce.attention.ranges import above_zero, at_least


@runtime_checkable
class Score(Protocol):
    def __call__(self, query: Tensor, key: Tensor) -> Tensor: ...


@runtime_checkable
class DotProductScore(Score, Protocol):
    """A score that is a dot product of mapped queries and keys: fused kernels compute it."""

    def factors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor, float]:
        """Mapped queries and keys, and a scale: `scale * query key^T` is the score."""
        ...


@dataclass(frozen=True)
class ScaledDotProduct:
    """q k^T / sqrt(E) (Vaswani et al. 2017, 1706.03762), or times `scale` where one is given.

    `ScaledDotProduct(1.0)` is the plain dot product (Luong et al. 2015, 1508.04025, "dot").
    """

    scale: float | None = None

    def factor(self, width: int) -> float:
        return 1.0 / math.sqrt(width) if self.scale is None else self.scale

    def factors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor, float]:
        return query, key, self.factor(query.shape[-1])

    def __call__(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S E"]) -> Float[Tensor, "*B L S"]:
        if query.dtype is torch.float16:  # products overflow above 65504
            query, key = query.float(), key.float()
        return (query * self.factor(query.shape[-1])) @ key.transpose(-2, -1)


class General(nn.Module):
    """q W k^T (Luong et al. 2015, 1508.04025, "general"), for queries and keys of different widths too."""

    def __init__(self, query_width: int, key_width: int) -> None:
        super().__init__()
        self.to_key = nn.Linear(query_width, key_width, bias=False)

    def factors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor, float]:
        return self.to_key(query), key, 1.0

    def forward(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S F"]) -> Float[Tensor, "*B L S"]:
        scores: Tensor = self.to_key(query) @ key.transpose(-2, -1)
        return scores


class Additive(nn.Module):
    """v . activation(W q + U k) (Bahdanau et al. 2014, 1409.0473, with tanh). Memory grows with L * S * A.

    With a leaky ReLU of slope 0.2 it is the score of GATv2 (Brody et al. 2021, 2105.14491).
    """

    def __init__(
        self, query_width: int, key_width: int, hidden: int, activation: Callable[[Tensor], Tensor] = torch.tanh
    ) -> None:
        super().__init__()
        self.from_query = nn.Linear(query_width, hidden)
        self.from_key = nn.Linear(key_width, hidden, bias=False)
        self.to_score = nn.Linear(hidden, 1, bias=False)
        self.activation = activation

    def forward(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S F"]) -> Float[Tensor, "*B L S"]:
        return self.with_keys(query, self.from_key(key))

    def with_keys(self, query: Float[Tensor, "*B L E"], projected: Float[Tensor, "*B S A"]) -> Float[Tensor, "*B L S"]:
        """The same with the keys U k, which a decoder computes once for all of its steps."""
        hidden = self.from_query(query).unsqueeze(-2) + projected.unsqueeze(-3)  # (B, L, S, A)
        scores: Tensor = self.to_score(self.activation(hidden)).squeeze(-1)
        return scores


class GraphAdditive(nn.Module):
    """leaky_relu(a . q + b . k) (GAT, Veličković et al. 2017, 1710.10903): all queries rank the keys alike."""

    def __init__(self, query_width: int, key_width: int, slope: float = 0.2) -> None:
        super().__init__()
        self.from_query = nn.Linear(query_width, 1, bias=False)
        self.from_key = nn.Linear(key_width, 1, bias=False)
        self.slope = slope

    def forward(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S F"]) -> Float[Tensor, "*B L S"]:
        return F.leaky_relu(self.from_query(query) + self.from_key(key).transpose(-2, -1), self.slope)


class Cosine(nn.Module):
    """sharpness * cos(q, k) with a sharpness above 0 (Graves et al. 2014, 1410.5401, content-based addressing).

    The sharpness is softplus of a learned number for each query, from the query itself; `fixed` sets one for all. A vector of
    zeros has the score 0. ValueError for a fixed sharpness of at most 0.
    """

    def __init__(self, query_width: int, fixed: float | None = None) -> None:
        super().__init__()
        if fixed is not None:
            above_zero("Cosine: the sharpness", fixed)
        self.sharpness = (
            _Constant(fixed) if fixed is not None else nn.Sequential(nn.Linear(query_width, 1), nn.Softplus())
        )

    def forward(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S E"]) -> Float[Tensor, "*B L S"]:
        query, key, _ = self.factors(query, key)
        return query @ key.transpose(-2, -1)

    def factors(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor, float]:
        return _direction(query) * self.sharpness(query), _direction(key), 1.0


def _direction(x: Tensor) -> Tensor:
    """x / |x|; zeros for zeros, in float16 too, where 1e-12 is 0."""
    return F.normalize(x, dim=-1, eps=max(1e-12, torch.finfo(x.dtype).tiny))


class _Constant(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, query: Tensor) -> float:
        return self.value


class LocationOnly(nn.Module):
    """W q, one score for each place of a key, whatever the key is (Luong et al. 2015, 1508.04025, "location").

    The scores of places beyond the last key are left out before the normaliser. ValueError for more keys than places.
    """

    def __init__(self, query_width: int, places: int) -> None:
        super().__init__()
        at_least("LocationOnly: places", places, 1)
        self.to_places = nn.Linear(query_width, places, bias=False)

    def forward(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S F"]) -> Float[Tensor, "*B L S"]:
        keys = key.shape[-2]
        if keys > self.to_places.out_features:
            raise ValueError(
                f"location-only attention has {self.to_places.out_features} places and found {keys} keys: build it with "
                "as many places as the longest input has keys"
            )
        return self.to_places(query)[..., :keys]  # type: ignore[no-any-return]


class ShawRelative(nn.Module):
    """(q . k + q . r[j - i]) / sqrt(E), with one learned vector r for each distance up to `reach`; farther keys share the
    outermost ones (Shaw et al. 2018, 1803.02155, the key side).
    """

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        at_least("ShawRelative: reach", reach, 0)
        self.reach = reach
        self.vectors = nn.Embedding(2 * reach + 1, width)

    def forward(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S E"]) -> Float[Tensor, "*B L S"]:
        queries, keys = query.shape[-2], key.shape[-2]
        scaled = query / math.sqrt(query.shape[-1])
        by_distance = scaled @ self.vectors.weight.t()  # (B, L, 2 reach + 1)
        rows = distances(queries, keys, query.device).clamp(-self.reach, self.reach) + self.reach  # of `vectors`
        index = rows.expand(*by_distance.shape[:-1], keys)
        return scaled @ key.transpose(-2, -1) + by_distance.gather(-1, index)


@dataclass(frozen=True)
class FeatureKernel:
    """log(phi(q) . phi(k)), for features that are not negative: a softmax gives each key phi(q) . phi(k) over their sum.

    That is linear attention (Katharopoulos et al. 2020, 2006.16236): `attend` computes it by sums over the keys where the mask
    allows that (linear.py), else pair by pair, as here. A kernel of 0 has the score minus infinity, and a query whose kernels
    are all 0 gets zeros in both ways.
    """

    feature_map: FeatureMap = elu_plus_one

    def __call__(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S E"]) -> Float[Tensor, "*B L S"]:
        if query.dtype is torch.float16:  # products of small features are 0 there
            query, key = query.float(), key.float()
        kernel = self.feature_map(query) @ self.feature_map(key).transpose(-2, -1)
        # a logarithm of bfloat16 has too few digits
        kernel = kernel.to(torch.promote_types(kernel.dtype, torch.float32))
        nothing = kernel <= 0
        return kernel.masked_fill(nothing, 1.0).log().masked_fill(nothing, -torch.inf)  # log 0 has no gradient


class Relational(nn.Module):
    """The score of the relation that connects a query with a key: `scores[r]` where `relations[b, i, j]` is r.

    Relational graph attention (Busbridge et al. 2019, 1904.05811) has one `GraphAdditive` for each relation.
    """

    def __init__(self, scores: list[nn.Module], relations: Int[Tensor, "X L S"]) -> None:
        super().__init__()
        if int(relations.max()) >= len(scores) or int(relations.min()) < 0:
            raise ValueError(
                f"relations must be 0 to {len(scores) - 1}, found {int(relations.min())} to {int(relations.max())}"
            )
        self.scores, self.relations = nn.ModuleList(scores), relations

    def forward(self, query: Float[Tensor, "*B L E"], key: Float[Tensor, "*B S F"]) -> Float[Tensor, "*B L S"]:
        each = torch.stack([score(query, key) for score in self.scores])  # (R, B, L, S)
        index = self.relations.view(len(self.relations), *[1] * (query.ndim - 3), *self.relations.shape[1:])
        return each.gather(0, index.expand(each.shape[1:]).unsqueeze(0)).squeeze(0)


@dataclass(frozen=True)
class SoftCapped:
    """cap * tanh(score / cap): no score passes the cap (Gemma 2, 2408.00118). ValueError for a cap of at most 0."""

    score: Score
    cap: float

    def __post_init__(self) -> None:
        above_zero("SoftCapped: the cap", self.cap)

    def __call__(self, query: Tensor, key: Tensor) -> Tensor:
        return self.cap * torch.tanh(self.score(query, key) / self.cap)


class TalkingHeads(nn.Module):
    """A learned mixture of the scores of all heads (Shazeer et al. 2020, 2003.02436); begins as the identity.

    `normalisers.TalkingHeads` mixes the weights.
    """

    def __init__(self, heads: int, score: Score) -> None:
        super().__init__()
        self.score = score
        self.mixture = nn.Parameter(torch.eye(heads))

    def forward(self, query: Float[Tensor, "B H L E"], key: Float[Tensor, "B H S F"]) -> Float[Tensor, "B H L S"]:
        scores = self.score(query, key)
        return torch.einsum("bhls,hg->bgls", scores, self.mixture.to(scores.dtype))
