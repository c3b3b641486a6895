"""Self-attention: queries, keys and values come from the same tokens."""

from transduce.attention.mechanisms.mechanism import Mechanism, sentences
from transduce.attention.mechanisms.whole_rows import WholeRows
from transduce.attention.multihead import SelfAttention

SELF = Mechanism(
    name="self",
    purpose="Each token attends to all tokens of its own row.",
    formula="multi-head attention with Q = K = V = X",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.2.3; before it: Cheng et al. 2016, 1601.06733",
    cost="time L^2 D + L D^2; 4 D^2 + 4 D parameters",
    kind="point",
    build=lambda width: WholeRows(SelfAttention(width, heads=2)),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    note="Without position encodings a permutation of the tokens permutes the output.",
)
