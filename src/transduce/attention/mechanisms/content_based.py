"""Content-based attention: cosine similarity with a learned sharpness."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import Cosine

CONTENT_BASED = Mechanism(
    name="content-based",
    purpose="Looks up the key that points in the direction of the query, whatever their lengths.",
    formula="softmax_j(beta_i cos(q_i, k_j)) v_j with beta_i = softplus(w . q_i + b)",
    paper="Graves, Wayne and Danihelka 2014, Neural Turing Machines, 1410.5401",
    cost="time and memory L * S; D + 1 parameters",
    kind="own part",
    build=lambda width: Attention(Cosine(width)),
    alternates=("cosine",),
)
