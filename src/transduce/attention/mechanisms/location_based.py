"""Location-based attention: the query alone says where to look."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from transduce import config
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention, Place
from transduce.attention.scores import LocationOnly, Score
from transduce.config import Fact


@dataclass(frozen=True)
class LocationBasedAttention(ModelAttention):
    """Scores of places, from the query alone. In packed rows of a decoder the places of a text differ from row to row."""

    places: ClassVar[tuple[Place, ...]] = ("encoder", "cross-attention")

    places_of_keys: Annotated[int, "tokens of the longest input", Fact(at_least=1, at_most=1_000_000)] = 512

    def __post_init__(self) -> None:
        config.check(self)

    @property
    def longest_keys(self) -> int:
        return self.places_of_keys

    def score(self, heads: int, width: int) -> Score:
        return LocationOnly(width, self.places_of_keys)


LOCATION_BASED = Mechanism(
    name="location-based",
    purpose="Scores places, not keys: the content of the keys has no influence.",
    formula="softmax_j((W q_i)_j) v_j",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (location)",
    cost="time and memory L * S; D * places parameters",
    kind="own part",
    build=in_one_head(LocationBasedAttention(places_of_keys=64)),
    in_models=LocationBasedAttention,
    note="Scores beyond the last key are left out before the softmax.",
    alternates=("location-hybrid",),
)
