"""Single-head attention: multi-head attention with one head."""

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.multi_head import MultiHead

SINGLE_HEAD = Mechanism(
    name="single-head",
    purpose="One attention over all features, with linear maps before and behind it.",
    formula="softmax(Q W^Q (K W^K)^T / sqrt(D)) V W^V W_O",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, table 3, row A with h = 1",
    cost="time L * S * D + (L + S) D^2; 4 D^2 + 4 D parameters",
    kind="point",
    build=lambda width: MultiHead(width, heads=1),
    shapes="(B, L, D), (B, S, D), (B, S, D) -> (B, L, D)",
    note="With identity maps it is scaled dot-product attention.",
)
