"""Relative-position attention: the distance of a key is part of its score."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from transduce import config
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention, Place
from transduce.attention.scores import Score, ShawRelative
from transduce.config import Fact


@dataclass(frozen=True)
class RelativePositionAttention(ModelAttention):
    """Vectors of distances in the scores. For the encoder: the score gets no positions, which the cache of a decoder needs."""

    places: ClassVar[tuple[Place, ...]] = ("encoder",)

    reach: Annotated[int, "farther keys share the vectors of this distance", Fact(at_least=1, at_most=100_000)] = 16

    def __post_init__(self) -> None:
        config.check(self)

    def score(self, heads: int, width: int) -> Score:
        return ShawRelative(width, self.reach)


RELATIVE_POSITION = Mechanism(
    name="relative-position",
    purpose="A query prefers keys at certain distances: the same at every place of a text.",
    formula="softmax_j(q_i . (k_j + r_{clip(j - i)}) / sqrt(D)) v_j with a learned vector r for each distance",
    paper="Shaw, Uszkoreit and Vaswani 2018, Self-Attention with Relative Position Representations, 1803.02155 (keys)",
    cost="time and memory L * S; (2 reach + 1) D parameters",
    kind="own part",
    build=in_one_head(RelativePositionAttention(reach=2)),
    in_models=RelativePositionAttention,
    caption="A row shows where its word looks: the two words 'the' differ, as their neighbours have other distances.",
    note="Other forms: a bias for each bucket of distances (T5: biases.T5Buckets), a penalty that grows with the distance "
    "(ALiBi: positions.Alibi), a rotation of queries and keys (RoPE: positions.Rotary). The paper also adds vectors to the values.",
)
