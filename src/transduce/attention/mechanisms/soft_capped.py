"""Soft-capped attention: scores that cannot pass a bound."""

from transduce.attention.attend import DOT_PRODUCT
from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import SoftCapped

SOFT_CAPPED = Mechanism(
    name="soft-capped",
    purpose="Bends large scores: no score passes the cap, so that no key takes all weight by its length alone.",
    formula="softmax_j(c tanh(q_i . k_j / (c sqrt(D)))) v_j with c = 2",
    paper="Gemma Team 2024, Gemma 2: Improving Open Language Models at a Practical Size, 2408.00118 (c = 50)",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=lambda width: Attention(SoftCapped(DOT_PRODUCT, 2.0)),
)
