"""Dynamic attention: the ranking of the keys depends on the query (GATv2)."""

from functools import partial

from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import Additive

SLOPE = 0.2  # as in the paper

DYNAMIC = Mechanism(
    name="dynamic",
    purpose="Different queries may prefer different keys, which graph attention of the first kind cannot express.",
    formula="softmax_j(a . leaky_relu(W q_i + U k_j)) v_j",
    paper="Brody, Alon and Yahav 2021, How Attentive are Graph Attention Networks?, 2105.14491",
    cost="time and memory L * S * A for a hidden width A; 2 D A + 2 A parameters",
    kind="own part",
    build=lambda width: Attention(Additive(width, width, width, partial(F.leaky_relu, negative_slope=SLOPE))),
    note="The name also stands for dynamic convolution and for top-k routing; here it is the paper's own definition.",
    alternates=("dynamic-convolutional", "top-k"),
)
