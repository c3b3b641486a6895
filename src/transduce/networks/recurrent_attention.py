"""Attention of a recurrent decoder over its source: frozen parts that build a module, in the table ATTENTIONS.

A part says how one query weighs the source tokens. Keys are computed once for each sentence. A query knows its place in the
target and the weights of the query before it, so that a part may carry those from step to step.

Letters: B sentences, K beams, T queries of a beam (target tokens), S source tokens, D width of the model, A width of a key.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce import config
from transduce.attention.attend import attention_weights
from transduce.attention.biases import gaussian
from transduce.attention.mask import DenseMask
from transduce.attention.monotonic import hard_alignment, monotonic_alignment, stop_probabilities
from transduce.attention.scores import Additive, General, LocationOnly, ScaledDotProduct, Score
from transduce.config import Fact
from transduce.layers.initialise import xavier_linear
from transduce.networks.source_to_target import SourceMemory


class Before(NamedTuple):
    """The position of the queries: the weights of the step before the first one, and the places of the queries.

    Before the first step all weight is on source token 0. Places are counted from 0.
    """

    weights: Float[Tensor, "B K S"]
    places: Int[Tensor, "B K T"]


class SourceAttention(nn.Module):
    """The softmax of a score over the source tokens; subclasses change `keys` or the weights."""

    def __init__(self, score: Score) -> None:
        super().__init__()
        self.score = score

    def keys(self, states: Float[Tensor, "B S D"]) -> Float[Tensor, "B S A"]:
        """The vectors that a query is compared with: for an additive score its projection U k, else the encoder's states."""
        return self.score.from_key(states) if isinstance(self.score, Additive) else states

    def forward(
        self, queries: Float[Tensor, "B K T D"], memory: SourceMemory, before: Before
    ) -> Float[Tensor, "B K T S"]:
        """The weights of each query: 0 at padding."""
        return self.softmax(queries, memory, memory.mask)

    def softmax(
        self, queries: Float[Tensor, "B K T D"], memory: SourceMemory, mask: DenseMask
    ) -> Float[Tensor, "B K T S"]:
        """The beams of a sentence, and their steps, are queries over one memory: (B, K, T, D) -> (B, 1, K T, D)."""
        score: Score = self.score
        if isinstance(score, Additive):
            score = score.with_keys  # type: ignore[assignment]  # the protocol names its arguments
        weights = attention_weights(queries.flatten(1, 2)[:, None], memory.keys[:, None], mask, score=score)
        return weights.view(*queries.shape[:3], -1)  # (B, 1, K T, S) -> (B, K, T, S)


class LocalAttention(SourceAttention):
    """Softmax within a window around a centre in the source (Luong et al. 2015, 1508.04025, section 3.2).

    local-m: the centre of target token t is source token t, at most the last one. local-p: S * sigmoid(v . tanh(W q)); the
    weights are then multiplied by exp(-(j - centre)^2 / (2 deviation^2)), with deviation = window / 2, and sum to less than 1.
    """

    def __init__(self, score: Score, window: int, predicts: nn.Module | None = None) -> None:
        super().__init__(score)
        self.window, self.predicts = window, predicts

    def forward(
        self, queries: Float[Tensor, "B K T D"], memory: SourceMemory, before: Before
    ) -> Float[Tensor, "B K T S"]:
        allowed = memory.mask.allowed  # (B, 1, 1, S)
        lengths = allowed.sum(-1)  # (B, 1, 1)
        if self.predicts is None:
            centres = before.places.clamp(max=lengths - 1).to(torch.float32)
        else:
            shares = self.predicts(queries).squeeze(-1)  # of the source; bfloat16 would round places
            centres = lengths * shares.to(torch.promote_types(shares.dtype, torch.float32))
        places = torch.arange(allowed.shape[-1], device=allowed.device)
        near = ((places - centres.unsqueeze(-1)).abs() <= self.window) & allowed  # (B, K, T, S)
        weights = self.softmax(queries, memory, DenseMask(near.flatten(1, 2)[:, None]))
        if self.predicts is None:
            return weights
        return weights * gaussian(centres, len(places), self.window / 2).exp().to(weights.dtype)


class MonotonicAttention(SourceAttention):
    """Queries move over the source from left to right (Raffel et al. 2017, 1704.00784; attention/monotonic.py).

    The energy is gain * v . tanh(W q + U k) / |v| + offset. Training takes the expectation over all paths and adds noise to the
    energies, which makes the network choose chances near 0 and 1. `hard`: evaluation follows the one path of the chances
    above 1/2, as in the paper; else it takes the expectation too.
    """

    score: Additive

    def __init__(self, score: Additive, noise: float, offset: float, hard: bool) -> None:
        super().__init__(score)
        self.noise, self.hard = noise, hard
        self.gain = nn.Parameter(torch.tensor(1 / math.sqrt(score.to_score.in_features)))
        self.offset = nn.Parameter(torch.tensor(offset))

    def forward(
        self, queries: Float[Tensor, "B K T D"], memory: SourceMemory, before: Before
    ) -> Float[Tensor, "B K T S"]:
        scores = self.score.with_keys(queries.flatten(1, 2), memory.keys).unflatten(1, queries.shape[1:3])
        energies = self.gain * scores / self.score.to_score.weight.norm() + self.offset
        if self.training:
            energies = energies + self.noise * torch.randn_like(energies)
        energies = energies.to(torch.promote_types(energies.dtype, torch.float32))
        align = hard_alignment if self.hard and not self.training else monotonic_alignment
        return align(stop_probabilities(energies, memory.mask.allowed), before.weights).to(queries.dtype)


@runtime_checkable
class AttentionPart(Protocol):
    """Builds the attention of a decoder whose queries and encoder states are `width` wide.

    A part that cannot read a source of any length has a property `longest_source`: tokens, with the end token.
    """

    def source_attention(self, width: int) -> SourceAttention: ...


@dataclass(frozen=True)
class AdditiveAttention:
    """v . tanh(W q + U k) (Bahdanau et al. 2014, 1409.0473)."""

    hidden: Annotated[
        int | None, "width A of the sum; default: d-model", Fact(at_least=1, at_most=65_536, size=True)
    ] = None

    def __post_init__(self) -> None:
        config.check(self)

    def source_attention(self, width: int) -> SourceAttention:
        return SourceAttention(Additive(width, width, self.hidden or width))


@dataclass(frozen=True)
class GeneralAttention:
    """q W k^T (Luong et al. 2015, 1508.04025)."""

    def source_attention(self, width: int) -> SourceAttention:
        return SourceAttention(General(width, width))


@dataclass(frozen=True)
class DotAttention:
    """q . k (Luong et al. 2015, 1508.04025)."""

    def source_attention(self, width: int) -> SourceAttention:
        return SourceAttention(ScaledDotProduct(1.0))


@dataclass(frozen=True)
class ScaledDotAttention:
    """q . k / sqrt(D) (Vaswani et al. 2017, 1706.03762)."""

    def source_attention(self, width: int) -> SourceAttention:
        return SourceAttention(ScaledDotProduct())


@dataclass(frozen=True)
class LocationAttention:
    """W q: a score for each place of the source, whatever stands there (Luong et al. 2015, 1508.04025)."""

    places: Annotated[
        int, "tokens of the longest source, its end token included", Fact(at_least=2, at_most=100_000, size=True)
    ] = 256

    def __post_init__(self) -> None:
        config.check(self)

    @property
    def longest_source(self) -> int:
        return self.places

    def source_attention(self, width: int) -> SourceAttention:
        return SourceAttention(LocationOnly(width, self.places))


ScoreName = Literal["general", "dot", "additive"]


def _score(name: ScoreName, width: int) -> Score:
    if name == "dot":
        return ScaledDotProduct(1.0)
    return General(width, width) if name == "general" else Additive(width, width, width)


@dataclass(frozen=True)
class LocalMonotonicAttention:
    """local-m of Luong et al. 2015: target token t looks at source tokens t - window to t + window."""

    window: Annotated[int, "source tokens on each side of the centre", Fact(at_least=1, at_most=100_000)] = 10
    score: Annotated[ScoreName, "the score within the window"] = "general"

    def __post_init__(self) -> None:
        config.check(self)

    def source_attention(self, width: int) -> SourceAttention:
        return LocalAttention(_score(self.score, width), self.window)


@dataclass(frozen=True)
class LocalPredictiveAttention(LocalMonotonicAttention):
    """local-p of Luong et al. 2015: the decoder predicts the centre of the window."""

    def source_attention(self, width: int) -> SourceAttention:
        centre = nn.Sequential(
            xavier_linear(width, width, bias=False), nn.Tanh(), xavier_linear(width, 1, bias=False), nn.Sigmoid()
        )
        return LocalAttention(_score(self.score, width), self.window, centre)


@dataclass(frozen=True)
class MonotonicAttentionPart:
    """Left to right, one source token after the other (Raffel et al. 2017, 1704.00784)."""

    noise: Annotated[float, "standard deviation of the noise on the energies in training", Fact(at_least=0)] = 1.0
    offset: Annotated[
        float, "start of the learned offset of the energies; below 0, early training passes more tokens"
    ] = -1.0
    hard: Annotated[bool, "evaluation and use follow one path, as in the paper; else they take the expectation"] = True

    def __post_init__(self) -> None:
        config.check(self)

    def source_attention(self, width: int) -> SourceAttention:
        return MonotonicAttention(Additive(width, width, width), self.noise, self.offset, self.hard)


ATTENTIONS: dict[str, type[AttentionPart]] = {
    "additive": AdditiveAttention,
    "general": GeneralAttention,
    "dot": DotAttention,
    "scaled-dot": ScaledDotAttention,
    "location": LocationAttention,
    "local-m": LocalMonotonicAttention,
    "local-p": LocalPredictiveAttention,
    "monotonic": MonotonicAttentionPart,
}
