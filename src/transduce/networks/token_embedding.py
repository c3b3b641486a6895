"""Token embeddings: the input of the first layer.

Letters: N rows, T tokens, D width of the model.
"""

import math
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.positions import PositionEncoding, Positions
from transduce.layers import initialise
from transduce.layers.dropout import Dropout


@runtime_checkable
class EmbeddingConfig(Protocol):
    """The fields of a network's config that its embeddings need."""

    @property
    def d_model(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def positions(self) -> PositionEncoding: ...


class TokenEmbedding(nn.Embedding):
    """sqrt(D) * embedding, with positions, then dropout (section 3.4)."""

    def __init__(self, config: EmbeddingConfig, vocabulary: int) -> None:
        super().__init__(vocabulary, config.d_model)
        self.scale = math.sqrt(config.d_model)
        self.position_encoding = config.positions
        self.drop = Dropout(config.dropout)

    def reset_parameters(self) -> None:
        initialise.embedding(self.weight, self.embedding_dim)

    def scaled(self, ids: Int[Tensor, "N T"]) -> Float[Tensor, "N T D"]:
        """Without positions and dropout."""
        return super().forward(ids) * self.scale

    def forward(self, ids: Int[Tensor, "N T"], positions: Positions) -> Float[Tensor, "N T D"]:  # type: ignore[override]
        embedded: Tensor = self.drop(self.position_encoding.embed(self.scaled(ids), positions))
        return embedded
