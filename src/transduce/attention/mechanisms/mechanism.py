"""The description of a mechanism, and the module of those that are a point of the algebra.

Letters: B batch, L queries, S keys, D width of queries and keys, V width of values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import DOT_PRODUCT, SOFTMAX, attend, attention_weights
from transduce.attention.masks import Mask
from transduce.attention.normalisers import Normaliser
from transduce.attention.scores import Score

STANDARD = "(B, L, D), (B, S, D), (B, S, V) -> (B, L, V)"


@dataclass(frozen=True)
class Mechanism:
    """A row of the catalogue.

    build: from the width D to a module with `forward(query, key, value, mask=None)` and `weights(query, key, mask=None)`.
    sums_to_one: whether the weights of each query do. note: which meaning of an ambiguous name it is.
    """

    name: str
    purpose: str
    formula: str
    paper: str
    cost: str
    build: Callable[[int], Any]
    shapes: str = STANDARD
    sums_to_one: bool = True
    note: str = ""


class Attention(nn.Module):
    """`attend` with the parts of a mechanism, between single sequences without heads.

    mask: that of the mechanism; a caller's mask restricts it further.
    """

    def __init__(self, score: Score = DOT_PRODUCT, normalise: Normaliser = SOFTMAX, mask: Mask | None = None) -> None:
        super().__init__()
        self.score, self.normalise, self.mask = score, normalise, mask

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L V"]:
        query, key, value = (each.unsqueeze(1) for each in (query, key, value))  # one head
        both = self._both(mask)
        return attend(query, key, value, both, score=self.score, normalise=self.normalise).squeeze(1)

    def weights(
        self, query: Float[Tensor, "B L D"], key: Float[Tensor, "B S E"], mask: Mask | None = None
    ) -> Float[Tensor, "B L S"]:
        query, key = query.unsqueeze(1), key.unsqueeze(1)
        both = self._both(mask)
        return attention_weights(query, key, both, score=self.score, normalise=self.normalise).squeeze(1)

    def _both(self, mask: Mask | None) -> Mask | None:
        if self.mask is None or mask is None:
            return self.mask or mask
        return self.mask & mask
