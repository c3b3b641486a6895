"""Cosine attention: similarity of directions, with one sharpness for all queries."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import Cosine

COSINE = Mechanism(
    name="cosine",
    purpose="Scores stay between -10 and 10 whatever the lengths of the vectors: large networks train without overflow.",
    formula="softmax_j(10 cos(q_i, k_j)) v_j",
    paper="Liu et al. 2022, Swin Transformer V2, 2111.09883; language models: Henry et al. 2020, 2010.04245",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=lambda width: Attention(Cosine(width, fixed=10.0)),
    note="The papers learn the sharpness of each head; 10 is their initial value in Swin V2.",
    alternates=("content-based",),
)
