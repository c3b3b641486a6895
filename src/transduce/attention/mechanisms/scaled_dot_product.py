"""Scaled dot-product attention, the attention of the Transformer."""

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention

SCALED_DOT_PRODUCT = Mechanism(
    name="scaled-dot-product",
    purpose="Dot products over the root of the width: scores keep their size whatever the width.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.2.1",
    cost="time L * S * D; fused kernels need memory L + S; no parameters",
    kind="point",
    build=in_one_head(ModelAttention()),
    in_models=ModelAttention,
)
