"""Relative positions of T5: a learned bias for each bucket of distances."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.biases import DistanceBias, T5Buckets
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.mechanisms.whole_rows import WholeRows
from transduce.attention.model_attention import ModelAttention
from transduce.attention.multihead import SelfAttention
from transduce.attention.scores import ScaledDotProduct, Score
from transduce.config import Fact


@dataclass(frozen=True)
class T5Attention(ModelAttention):
    """Unscaled dot products and a learned bias for each bucket of distances, in each layer; T5's layers share one.

    In the self-attention of a decoder all buckets are of earlier tokens; elsewhere each direction has half of them.
    """

    buckets: Annotated[int, "groups of distances", Fact(at_least=4, at_most=4_096)] = 32
    most: Annotated[int, "distance from which all share a bucket", Fact(at_least=4, at_most=1_000_000)] = 128

    def __post_init__(self) -> None:
        config.check(self)
        if self.most <= self.buckets // 2:
            raise ValueError(f"most must be above half of buckets, {self.buckets // 2}, found {self.most}")

    def score(self, heads: int, width: int) -> Score:
        return ScaledDotProduct(1.0)

    def bias(self, heads: int, causal: bool) -> DistanceBias:
        return T5Buckets(heads, self.buckets, self.most, causal)


HEADS = 2

T5 = Mechanism(
    name="t5",
    purpose="A learned number for each distance is added to the score; far distances share buckets.",
    formula="softmax_j(q_i . k_j + b_h[bucket(j - i)]) v_j",
    paper="Raffel et al. 2020, Exploring the Limits of Transfer Learning with T5, 1910.10683, section 2.1",
    cost="that of multi-head attention, with L * S numbers per head; H * buckets parameters",
    kind="point",
    build=lambda width: WholeRows(SelfAttention(width, HEADS, score=ScaledDotProduct(1.0)), T5Buckets(HEADS)),
    in_models=T5Attention,
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(WORDS, WORDS),
    caption="A row shows where its word looks. The biases are random: equal distances have equal ones.",
    note="Scores are not scaled; the initial weights of T5 account for that.",
    alternates=("relative", "alibi", "rotary"),
)
