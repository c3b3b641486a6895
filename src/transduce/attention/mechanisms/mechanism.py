"""The description of a mechanism, and the module of those that are a point of the algebra.

Letters: B batch, L queries, S keys, D width of queries and keys, V width of values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import DOT_PRODUCT, SOFTMAX, attend, attention_weights
from transduce.attention.biases import DistanceBias
from transduce.attention.mask import Mask
from transduce.attention.model_attention import ModelAttention
from transduce.attention.normalisers import Normaliser
from transduce.attention.scores import Score

STANDARD = "(B, L, D), (B, S, D), (B, S, V) -> (B, L, V)"
WORDS = ("the", "cat", "saw", "the", "dog", "sleep")

# point: scaled dot products, a softmax, a mask or bias: a fused kernel computes it. own part: another score or normaliser,
# on the reference path. arrangement: several of these, over axes, streams, levels or steps. own module: none of these.
Kind = Literal["point", "own part", "arrangement", "own module"]


def sentences(batch: int, width: int) -> tuple[Tensor, ...]:
    """Queries, keys and values: the vectors of `WORDS`, random for each word; equal words have equal vectors."""
    vectors = {word: torch.randn(batch, width) for word in WORDS}
    x = torch.stack([vectors[word] for word in WORDS], 1)
    return x, x, x


@dataclass(frozen=True)
class Mechanism:
    """A row of the catalogue.

    build: from the width D to a module with `forward(*inputs)` and `weights(*inputs)`, on the same inputs.
    inputs: example arguments of `forward` for a batch size and a width, drawn from torch's generator; batch first.
    sides: labels of the rows and columns of the weights (B, rows, columns) or (B, H, rows, columns).
    caption: the meaning of a row of the weights.
    sums_to_one: whether the weights of each row do. in_models: its parts for the layers of a model. note: which meaning of an
    ambiguous name it is. alternates: names of the rows with its other meanings.
    """

    name: str
    purpose: str
    formula: str
    paper: str
    cost: str
    kind: Kind
    build: Callable[[int], Any]
    shapes: str = STANDARD
    inputs: Callable[[int, int], tuple[Any, ...]] = sentences
    sides: tuple[Sequence[str], Sequence[str]] = (WORDS, WORDS)
    caption: str = "A row shows where its word looks. Words have random vectors, equal words equal ones."
    sums_to_one: bool = True
    in_models: type[ModelAttention] | None = None
    note: str = ""
    alternates: tuple[str, ...] = ()

    @property
    def standard(self) -> bool:
        """Whether its module takes any queries, keys, values and mask, without projections of its own."""
        return self.shapes == STANDARD


class Attention(nn.Module):
    """`attend` with the parts of a mechanism, between single sequences without heads.

    mask: that of the mechanism; a caller's mask restricts it further.
    """

    def __init__(
        self,
        score: Score = DOT_PRODUCT,
        normalise: Normaliser = SOFTMAX,
        mask: Mask | None = None,
        bias: DistanceBias | None = None,
    ) -> None:
        super().__init__()
        self.score, self.normalise, self.mask, self.bias = score, normalise, mask, bias

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L V"]:
        query, key, value = (each.unsqueeze(1) for each in (query, key, value))  # one head
        bias = self._bias(query, key)
        return attend(
            query, key, value, restricted(self.mask, mask), bias=bias, score=self.score, normalise=self.normalise
        ).squeeze(1)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L S"]:
        """`weights @ value` is the output."""
        query, key = query.unsqueeze(1), key.unsqueeze(1)
        bias = self._bias(query, key)
        return attention_weights(query, key, restricted(self.mask, mask), bias, self.score, self.normalise).squeeze(1)

    def _bias(self, query: Tensor, key: Tensor) -> Tensor | None:
        if self.bias is None:
            return None
        bias: Tensor = self.bias(query.shape[2], key.shape[2])
        return bias


def restricted(own: Mask | None, mask: Mask | None) -> Mask | None:
    """The mask of a mechanism, restricted further by a caller's."""
    if own is None or mask is None:
        return own or mask
    return own & mask


def in_one_head(parts: ModelAttention) -> Callable[[int], Attention]:
    """Builds the module with these parts, for a width."""
    return lambda width: Attention(parts.score(1, width), parts.normalise(1), parts.mask(), parts.bias(1, causal=False))
