"""Relative positions of T5: a learned bias for each bucket of distances."""

from transduce.attention.biases import T5Buckets
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.mechanisms.positioned import PositionedSelfAttention
from transduce.attention.multihead import SelfAttention
from transduce.attention.scores import ScaledDotProduct

HEADS = 2

T5 = Mechanism(
    name="t5",
    purpose="A learned number for each distance is added to the score; far distances share buckets.",
    formula="softmax_j(q_i . k_j + b_h[bucket(j - i)]) v_j",
    paper="Raffel et al. 2020, Exploring the Limits of Transfer Learning with T5, 1910.10683, section 2.1",
    cost="that of multi-head attention, with L * S numbers per head; H * buckets parameters",
    kind="point",
    build=lambda width: PositionedSelfAttention(
        SelfAttention(width, HEADS, score=ScaledDotProduct(1.0)), T5Buckets(HEADS)
    ),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(WORDS, WORDS),
    caption="A row shows where its word looks. The biases are random: equal distances have equal ones.",
    note="Scores are not scaled; the initial weights of T5 account for that.",
    alternates=("relative", "alibi", "rotary"),
)
