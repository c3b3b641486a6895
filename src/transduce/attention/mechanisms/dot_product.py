"""Dot-product attention: softmax of q . k, without a scale."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import ScaledDotProduct

DOT_PRODUCT = Mechanism(
    name="dot-product",
    purpose="Weights keys by their product with the query.",
    formula="softmax_j(q_i . k_j) v_j",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (dot)",
    cost="time and memory L * S; no parameters",
    kind="point",
    build=lambda width: Attention(ScaledDotProduct(1.0)),
)
