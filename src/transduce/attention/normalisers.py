"""Normalisers: scores and a mask to weights. Masked keys have the weight 0; so does a row that may attend to nothing.

Letters: B batch axes (batch and heads), L queries, S keys, H heads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from entmax import entmax15, entmax_bisect
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.ranges import above_zero, at_least


@runtime_checkable
class Normaliser(Protocol):
    def __call__(self, scores: Tensor, allowed: Tensor | None) -> Tensor: ...


Allowed = Bool[Tensor, "..."] | None


@dataclass(frozen=True)
class Softmax:
    """Weights that sum to 1 over the allowed keys; a row that may attend to nothing gets all zeros, never NaN."""

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Allowed) -> Float[Tensor, "*B L S"]:
        return _zeroed(_lowest(scores, allowed).softmax(-1), allowed)


@dataclass(frozen=True)
class Sparsemax:
    """The nearest point of the simplex: small weights are exactly 0 (Martins and Astudillo 2016, 1602.02068).

    w_j = max(s_j - t, 0), where t makes the weights sum to 1.

    >>> Sparsemax()(torch.tensor([[1.0, 0.5, -1.0]]), None)
    [[0.75, 0.25, 0.0]]
    """

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Allowed) -> Float[Tensor, "*B L S"]:
        return _on_simplex(_nearest_point, scores, allowed, 1.0)


@dataclass(frozen=True)
class Entmax:
    """Between softmax (alpha towards 1) and sparsemax (alpha 2): a higher alpha gives more zeros (Peters et al. 2019,
    1905.05702).

    w_j = max((alpha - 1) s_j - t, 0)^(1 / (alpha - 1)), where t makes the weights sum to 1. Computed by the authors' package
    `entmax`: exactly for alpha 1.5, else by bisection. ValueError for an alpha of at most 1; RuntimeError for a second
    derivative, which that package does not have.
    """

    alpha: float = 1.5

    def __post_init__(self) -> None:
        if not self.alpha > 1:
            raise ValueError(
                f"entmax needs an alpha above 1, found {self.alpha}; its limit 1 is the normaliser Softmax"
            )

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Allowed) -> Float[Tensor, "*B L S"]:
        return _on_simplex(self._project, scores, allowed, 1 / (self.alpha - 1))

    def _project(self, scores: Tensor) -> Tensor:
        weights: Tensor = entmax15(scores) if self.alpha == 1.5 else entmax_bisect(scores, self.alpha)
        return _first_derivative(weights)


class LearnedEntmax(nn.Module):
    """Entmax with a learned alpha for each head, `start` at first (Correia, Niculae and Martins 2019, 1909.00015).

    alpha = 1 + sigmoid(a), and at least 1.01: the solution divides by alpha - 1. ValueError for a start that is not between
    1 and 2; RuntimeError for a second derivative, as for `Entmax`.
    """

    def __init__(self, heads: int, start: float = 1.5) -> None:
        super().__init__()
        if not 1 < start < 2:
            raise ValueError(f"a learned alpha must start between 1 and 2, found {start}")
        self.raw = nn.Parameter(torch.full((heads,), start - 1).logit())

    def alpha(self) -> Float[Tensor, " H"]:
        return (1 + self.raw.sigmoid()).clamp(min=1.01)

    def forward(self, scores: Float[Tensor, "B H L S"], allowed: Allowed) -> Float[Tensor, "B H L S"]:
        return _on_simplex(self._project, scores, allowed, 1 / 0.01)

    def _project(self, scores: Tensor) -> Tensor:
        return _first_derivative(entmax_bisect(scores, self.alpha()[:, None, None]))


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(-(s + bias))), each key on its own: rows need not sum to 1 (Ramapuram et al. 2024, 2409.04431).

    The paper's bias is -log(number of keys).
    """

    bias: float = 0.0

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Allowed) -> Float[Tensor, "*B L S"]:
        return _zeroed((scores + self.bias).sigmoid(), allowed)


@dataclass(frozen=True)
class Hard:
    """All weight on one key; the gradient is that of the softmax of the scores (straight-through).

    Without `sample` it is the key with the highest score. With it, a key is drawn with the probability of its softmax, by
    Gumbel noise, at the given temperature of the gradient (Jang et al. 2016, 1611.01144). Hard attention: Xu et al. 2015
    (1502.03044). ValueError for a temperature of at most 0.
    """

    sample: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        above_zero("Hard: the temperature", self.temperature)

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Allowed) -> Float[Tensor, "*B L S"]:
        if not scores.shape[-1]:  # `argmax` refuses rows without keys
            return scores
        if self.sample:
            scores = scores - torch.empty_like(scores).exponential_().log()
        soft = Softmax()(scores / self.temperature, allowed)
        best = soft.argmax(-1, keepdim=True)
        one_hot = _zeroed(torch.zeros_like(soft).scatter_(-1, best, 1.0), allowed)
        return one_hot + (soft - soft.detach())  # the bracket is exactly 0


@dataclass(frozen=True)
class TopK:
    """Softmax over the `count` highest scores of a query; of equal scores at the limit, those with the lowest index.

    ValueError for a count below 1.
    """

    count: int

    def __post_init__(self) -> None:
        at_least("TopK: count", self.count, 1)

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Allowed) -> Float[Tensor, "*B L S"]:
        order = _lowest(scores, allowed).argsort(dim=-1, descending=True, stable=True)
        best = torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, order[..., : self.count], True)
        return Softmax()(scores, best if allowed is None else best & allowed)


class SoftmaxWithSink(nn.Module):
    """exp(s_j) / (exp(sink) + sum exp(s)), a learned sink for each head: a query may attend to nothing.

    It begins at 0, which is "softmax off by one"; learned sinks: gpt-oss (2508.10925).
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.sinks = nn.Parameter(torch.zeros(heads))

    def forward(self, scores: Float[Tensor, "B H L S"], allowed: Allowed) -> Float[Tensor, "B H L S"]:
        scores = _lowest(scores, allowed)
        sinks = self.sinks.to(scores.dtype)[:, None, None].expand(*scores.shape[:-1], 1)
        return _zeroed(torch.cat([scores, sinks], -1).softmax(-1)[..., :-1], allowed)


class TalkingHeads(nn.Module):
    """A learned mixture of the weights of all heads (Shazeer et al. 2020, 2003.02436); begins as the identity."""

    def __init__(self, heads: int, normalise: Normaliser) -> None:
        super().__init__()
        self.normalise = normalise
        self.mixture = nn.Parameter(torch.eye(heads))

    def forward(self, scores: Float[Tensor, "B H L S"], allowed: Allowed) -> Float[Tensor, "B H L S"]:
        weights = self.normalise(scores, allowed)
        return torch.einsum("bhls,hg->bgls", weights, self.mixture.to(weights.dtype))


def _lowest(scores: Tensor, allowed: Tensor | None) -> Tensor:
    """The lowest finite score where a query may not attend: rows without keys stay finite."""
    return scores if allowed is None else scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)


def _on_simplex(
    project: Callable[[Tensor], Tensor], scores: Tensor, allowed: Tensor | None, gap: float
) -> Float[Tensor, "*B L S"]:
    """project(scores), in float32 at least. It gives keys more than `gap` below the best one the weight 0: masked keys get
    such scores, as the lowest finite number would overflow in its squares.

    A row with a score of NaN or infinity gives NaN, as a softmax does. `project` would index by NaN there, and divide by 0 in
    a row without keys: it gets zeros in both.
    """
    if not scores.shape[-1]:
        return scores
    wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
    visible = wide if allowed is None else wide.masked_fill(~allowed, -torch.inf)
    best = visible.amax(-1, keepdim=True).detach()
    if allowed is not None:
        visible = torch.where(allowed, wide, best - 2 * gap)
    broken = ~best.isfinite()
    weights = project(visible.masked_fill(broken, 0.0)).masked_fill(broken, torch.nan)
    return _zeroed(weights, allowed).to(scores.dtype)


def _nearest_point(scores: Tensor) -> Tensor:
    """The point of the simplex that is nearest to each row."""
    scores = scores - scores.amax(-1, keepdim=True).detach()  # the result does not change; the sums stay small
    ordered = scores.sort(-1, descending=True).values
    ranks = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
    sums = ordered.cumsum(-1) - 1
    support = (ranks * ordered > sums).sum(-1, keepdim=True)  # number of keys with a weight
    threshold = sums.gather(-1, support - 1) / support
    return (scores - threshold).clamp(min=0)


class _FirstDerivativeOnly(torch.autograd.Function):
    """The identity, whose gradient refuses to have a gradient."""

    @staticmethod
    def forward(context: Any, weights: Tensor) -> Tensor:
        return weights.view_as(weights)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        if torch.is_grad_enabled():  # with `create_graph`
            raise RuntimeError(
                "entmax has no second derivative: leave out create_graph=True, or normalise by Sparsemax or Softmax"
            )
        return gradient


def _first_derivative(weights: Tensor) -> Tensor:
    """The weights, with an error for second derivatives: those of the package `entmax` are wrong."""
    once: Tensor = _FirstDerivativeOnly.apply(weights)  # type: ignore[no-untyped-call]
    return once


def _zeroed(weights: Tensor, allowed: Tensor | None) -> Tensor:
    """The weight 0 where a query may not attend."""
    return weights if allowed is None else weights.masked_fill(~allowed, 0.0)
