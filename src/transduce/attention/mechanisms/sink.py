"""Attention with a sink: a key without a value, so that a query may attend to nothing."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.normalisers import SoftmaxWithSink

SINK = Mechanism(
    name="sink",
    purpose="A learned score of no key takes the weight that a query has no use for; the other weights sum to less than 1.",
    formula="sum_j exp(s_ij) v_j / (exp(sink) + sum_j exp(s_ij)) with s_ij = q_i . k_j / sqrt(D)",
    paper="OpenAI 2025, gpt-oss-120b and gpt-oss-20b Model Card, 2508.10925; streams: Xiao et al. 2024, 2309.17453",
    cost="time and memory L * S; 1 parameter for each head",
    kind="own part",
    build=lambda width: Attention(normalise=SoftmaxWithSink(1)),
    sums_to_one=False,
    note="In the second paper the first tokens of a text serve as the sink, without a change of the network.",
)
