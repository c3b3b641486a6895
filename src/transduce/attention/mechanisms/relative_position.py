"""Relative-position attention: the distance of a key is part of its score."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import ShawRelative

REACH = 2

RELATIVE_POSITION = Mechanism(
    name="relative-position",
    purpose="A query prefers keys at certain distances: the same at every place of a text.",
    formula="softmax_j(q_i . (k_j + r_{clip(j - i)}) / sqrt(D)) v_j with a learned vector r for each distance",
    paper="Shaw, Uszkoreit and Vaswani 2018, Self-Attention with Relative Position Representations, 1803.02155 (keys)",
    cost="time and memory L * S; (2 reach + 1) D parameters",
    kind="own part",
    build=lambda width: Attention(ShawRelative(width, REACH)),
    caption="A row shows where its word looks: the two words 'the' differ, as their neighbours have other distances.",
    note="Other forms: a bias for each bucket of distances (T5: biases.T5Buckets), a penalty that grows with the distance "
    "(ALiBi: positions.Alibi), a rotation of queries and keys (RoPE: positions.Rotary). The paper also adds vectors to the values.",
)
