"""Prefix attention: all of the prompt in both directions, then causal."""

from transduce.attention.masks import prefix
from transduce.attention.mechanisms.mechanism import Attention, Mechanism

PREFIX = Mechanism(
    name="prefix",
    purpose="Every position sees the whole prompt; the answer after it is causal (a prefix language model).",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over j <= i or j < p",
    paper="Raffel et al. 2020, Exploring the Limits of Transfer Learning with T5, 1910.10683, section 3.2.1",
    cost="time L * S * D; no parameters",
    kind="point",
    build=lambda width: Attention(mask=prefix(3)),
    caption="The first three words are the prompt: they see each other, and all later words see them.",
)
