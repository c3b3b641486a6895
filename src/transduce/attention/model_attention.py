"""The attention of a model's layers, as a run file names it: `[model.encoder] attention = { kind = "local", window = 32 }`."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from transduce.attention.biases import DistanceBias
from transduce.attention.mask import Mask
from transduce.attention.normalisers import Normaliser, Softmax
from transduce.attention.scores import ScaledDotProduct, Score

Place = Literal["encoder", "decoder", "cross-attention"]
PLACES: tuple[Place, ...] = ("encoder", "decoder", "cross-attention")


@dataclass(frozen=True)
class ModelAttention:
    """The parts of `attend` for the heads of one layer. Here they are the standard ones; a kind overrides what it changes.

    places: where a model may use it. A decoder adds a causal mask, and reads its tokens one by one with a cache of keys and
    values: a kind whose outputs depend on anything else has no place there.
    """

    places: ClassVar[tuple[Place, ...]] = PLACES

    @property
    def longest_keys(self) -> int | None:
        """The most keys that a query can be compared with; None: any number."""
        return None

    def score(self, heads: int, width: int) -> Score:
        """Compares queries (B, H, L, E) and keys (B, H, S, E); `width` is E, that of a head. The scores are (B, H, L, S)."""
        return ScaledDotProduct()

    def normalise(self, heads: int) -> Normaliser:
        """Scores (B, H, L, S) and the keys that are allowed, or None, to weights (B, H, L, S)."""
        return Softmax()

    def bias(self, heads: int, causal: bool) -> DistanceBias | None:
        """Added to the scores. causal: the place is the self-attention of a decoder, where queries see earlier keys only."""
        return None

    def mask(self) -> Mask | None:
        """The keys that a query may attend to, by their positions; padding and later tokens are left out in any case.

        In cross-attention the positions are those in each text: target token i may see source tokens near place i.
        """
        return None
