"""Sigmoid attention: each key on its own."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.normalisers import Sigmoid

SIGMOID = Mechanism(
    name="sigmoid",
    purpose="A weight for each key from its own score: keys do not compete.",
    formula="sigmoid(q_i . k_j / sqrt(D)) v_j",
    paper="Ramapuram et al. 2024, Theory, Analysis, and Best Practices for Sigmoid Self-Attention, 2409.04431",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=lambda width: Attention(normalise=Sigmoid()),
    sums_to_one=False,
)
