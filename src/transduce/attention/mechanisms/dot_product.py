"""Dot-product attention: softmax of q . k, without a scale."""

from dataclasses import dataclass

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import ScaledDotProduct, Score


@dataclass(frozen=True)
class DotProductAttention(ModelAttention):
    """Dot products without a scale."""

    def score(self, heads: int, width: int) -> Score:
        return ScaledDotProduct(1.0)


DOT_PRODUCT = Mechanism(
    name="dot-product",
    purpose="Weights keys by their product with the query.",
    formula="softmax_j(q_i . k_j) v_j",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (dot)",
    cost="time and memory L * S; no parameters",
    kind="point",
    build=in_one_head(DotProductAttention()),
    in_models=DotProductAttention,
)
