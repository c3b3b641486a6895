"""General attention: a learned bilinear form between query and key."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import General

GENERAL = Mechanism(
    name="general",
    purpose="Compares query and key by a learned bilinear form: they may have different widths.",
    formula="softmax_j(q_i W k_j) v_j",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (general)",
    cost="time and memory L * S; D^2 parameters",
    kind="own part",
    build=lambda width: Attention(General(width, width)),
)
