"""Dilated attention: a window with gaps."""

from transduce.attention.masks import dilated
from transduce.attention.mechanisms.mechanism import Attention, Mechanism

DILATED = Mechanism(
    name="dilated",
    purpose="Every second key of a window: the same number of keys reaches twice as far.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over |i - j| <= w d with i - j a multiple of d",
    paper="Beltagy, Peters and Cohan 2020, Longformer: The Long-Document Transformer, 2004.05150",
    cost="L * (2 w + 1) pairs; no parameters",
    kind="point",
    build=lambda width: Attention(mask=dilated(1, 2)),
    alternates=("local",),
)
