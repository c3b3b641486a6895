"""Top-k attention: softmax over the best keys."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.normalisers import TopK

TOP_K = Mechanism(
    name="top-k",
    purpose="Softmax over the two best keys of each query; the others have no weight.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over the k highest scores",
    paper="Zhao et al. 2019, Explicit Sparse Transformer, 1912.11637",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=lambda width: Attention(normalise=TopK(2)),
)
