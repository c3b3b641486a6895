"""Global attention: every query sees every key."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import ScaledDotProduct

GLOBAL = Mechanism(
    name="global",
    purpose="Every query sees every key, as opposed to local attention.",
    formula="softmax_j(q_i . k_j) v_j over all j",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025",
    cost="time and memory L * S; no parameters",
    kind="point",
    build=lambda width: Attention(ScaledDotProduct(1.0)),
    note="The same as dot-product attention without a mask. The paper then mixes output and query by a tanh layer.",
)
