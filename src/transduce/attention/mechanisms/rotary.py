"""Rotary positions (RoPE): queries and keys turn with their place, so that scores depend on distances."""

from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.mechanisms.whole_rows import WholeRows
from transduce.attention.multihead import SelfAttention
from transduce.attention.positions import Rotary

ROTARY = Mechanism(
    name="rotary",
    purpose="Turns queries and keys by an angle that grows with the place: their product depends on the distance alone.",
    formula="softmax_j((R_i q_i) . (R_j k_j) / sqrt(E)) v_j with rotations R_i of planes by i / 10000^(2p/E)",
    paper="Su et al. 2021, RoFormer: Enhanced Transformer with Rotary Position Embedding, 2104.09864",
    cost="that of multi-head attention, and 2 E products per query and key; no further parameters",
    kind="point",
    build=lambda width: WholeRows(SelfAttention(width, 2, Rotary())),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(WORDS, WORDS),
    caption="A row shows where its word looks. Both 'the' are equal vectors, but their places differ.",
    note="The planes are of features p and p + E/2, as in LLaMA; the paper's are of neighbouring features.",
    alternates=("alibi", "t5", "relative"),
)
