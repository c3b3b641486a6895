"""Softmax with a sink: a query may attend to nothing."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.normalisers import SoftmaxWithSink

SOFTMAX_WITH_SINK = Mechanism(
    name="softmax-with-sink",
    purpose="A learned sink takes a share of each row: a query that finds no key need not choose one.",
    formula="exp(s_ij) / (exp(sink) + sum_j exp(s_ij)) v_j with s_ij = q_i . k_j / sqrt(D)",
    paper="OpenAI 2025, gpt-oss model card, 2508.10925; sinks: Xiao et al. 2023, 2309.17453",
    cost="time and memory L * S; one parameter for each head",
    kind="own part",
    build=lambda width: Attention(normalise=SoftmaxWithSink(1)),
    sums_to_one=False,
    note="The sink begins at 0, which is the softmax with 1 added to its denominator.",
)
