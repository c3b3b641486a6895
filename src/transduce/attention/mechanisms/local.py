"""Local attention: a window around the place of the query."""

from transduce.attention.masks import window
from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import ScaledDotProduct

LOCAL = Mechanism(
    name="local",
    purpose="A query sees the keys of a window around its own place (local-m).",
    formula="softmax_j(q_i . k_j) v_j over i - 2 <= j <= i + 2",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (local-m)",
    cost="time and memory L * window in chunks (windowed.py); no parameters",
    kind="point",
    build=lambda width: Attention(ScaledDotProduct(1.0), mask=window(2, 2)),
    alternates=("local-predictive",),
)
