"""Dynamic attention: the ranking of the keys depends on the query (GATv2)."""

from dataclasses import dataclass
from functools import partial

from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import Additive, Score

SLOPE = 0.2  # as in the paper


@dataclass(frozen=True)
class DynamicAttention(ModelAttention):
    """A network of one hidden layer with a leaky ReLU, which all heads share."""

    def score(self, heads: int, width: int) -> Score:
        return Additive(width, width, width, partial(F.leaky_relu, negative_slope=SLOPE))


DYNAMIC = Mechanism(
    name="dynamic",
    purpose="Different queries may prefer different keys, which graph attention of the first kind cannot express.",
    formula="softmax_j(a . leaky_relu(W q_i + U k_j)) v_j",
    paper="Brody, Alon and Yahav 2021, How Attentive are Graph Attention Networks?, 2105.14491",
    cost="time and memory L * S * A for a hidden width A; 2 D A + 2 A parameters",
    kind="own part",
    build=in_one_head(DynamicAttention()),
    in_models=DynamicAttention,
    note="The name also stands for dynamic convolution and for top-k routing; here it is the paper's own definition.",
    alternates=("dynamic-convolutional", "dynamic-kernels", "top-k"),
)
