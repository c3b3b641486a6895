"""Relative positions of Shaw et al.: a learned vector for each distance, which the query is compared with."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from transduce import config
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.mechanisms.whole_rows import WholeRows
from transduce.attention.model_attention import ModelAttention, Place
from transduce.attention.multihead import SelfAttention
from transduce.attention.scores import Score, ShawRelative
from transduce.config import Fact

HEADS = 2


@dataclass(frozen=True)
class RelativeAttention(ModelAttention):
    """Vectors of distances in the scores. For the encoder: the score gets no positions, which the cache of a decoder needs."""

    places: ClassVar[tuple[Place, ...]] = ("encoder",)

    reach: Annotated[int, "farther keys share the vectors of this distance", Fact(at_least=1, at_most=100_000)] = 16

    def __post_init__(self) -> None:
        config.check(self)

    def score(self, heads: int, width: int) -> Score:
        return ShawRelative(width, self.reach)


RELATIVE = Mechanism(
    name="relative",
    purpose="Each query decides which distances it prefers: its product with a vector for the distance is in the score.",
    formula="softmax_j((q_i . k_j + q_i . r[j - i]) / sqrt(E)) v_j with distances beyond 2 as 2",
    paper="Shaw, Uszkoreit and Vaswani 2018, Self-Attention with Relative Position Representations, 1803.02155",
    cost="that of multi-head attention, and L * (2 reach + 1) products; (2 reach + 1) E parameters",
    kind="own part",
    build=lambda width: WholeRows(SelfAttention(width, HEADS, score=ShawRelative(width // HEADS, reach=2))),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(WORDS, WORDS),
    in_models=RelativeAttention,
    caption="A row shows where its word looks. Both 'the' are equal vectors, but their distances to the others differ.",
    note="The vectors for keys, which the heads share. The paper has others for values, and finds that they matter little.",
    alternates=("t5", "alibi", "rotary"),
)
