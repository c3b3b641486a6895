"""Sparse attention: the strided pattern of the Sparse Transformer."""

from transduce.attention.masks import strided
from transduce.attention.mechanisms.mechanism import Attention, Mechanism

SPARSE = Mechanism(
    name="sparse",
    purpose="The last few keys and every third one before: two layers reach every earlier key.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over j <= i with i - j <= l or (i - j) mod l = 0",
    paper="Child et al. 2019, Generating Long Sequences with Sparse Transformers, 1904.10509",
    cost="L * sqrt(L) pairs for l = sqrt(L); no parameters",
    kind="point",
    build=lambda width: Attention(mask=strided(3)),
    note="Sparse weights, in place of a sparse pattern, come from the normaliser Sparsemax.",
    alternates=("bigbird", "sparsemax"),
)
