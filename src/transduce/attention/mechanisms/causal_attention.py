"""Causal attention: no query sees a later key."""

from dataclasses import dataclass

from transduce.attention.mask import Mask
from transduce.attention.masks import causal
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention


@dataclass(frozen=True)
class CausalAttention(ModelAttention):
    """No later keys; in a decoder that is so in any case."""

    def mask(self) -> Mask:
        return causal()


CAUSAL = Mechanism(
    name="causal",
    purpose="Position i depends on positions up to i: a network can be trained on all prefixes of a text at once.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over j <= i",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.2.3",
    cost="half of the time of L * S * D; no parameters",
    kind="point",
    build=in_one_head(CausalAttention()),
    in_models=CausalAttention,
    note="In cross-attention target token i sees source tokens 0 to i.",
)
