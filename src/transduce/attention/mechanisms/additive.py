"""Additive attention: a small network compares query and key."""

from dataclasses import dataclass

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import Additive, Score


@dataclass(frozen=True)
class AdditiveAttention(ModelAttention):
    """A network of one hidden layer, as wide as a head, which all heads share."""

    def score(self, heads: int, width: int) -> Score:
        return Additive(width, width, width)


ADDITIVE = Mechanism(
    name="additive",
    purpose="Compares query and key by a network with one hidden layer: the first attention of translation.",
    formula="softmax_j(v . tanh(W q_i + U k_j)) v_j",
    paper="Bahdanau, Cho and Bengio 2014, Neural Machine Translation by Jointly Learning to Align and Translate, 1409.0473",
    cost="time and memory L * S * A for a hidden width A; 2 D A + 2 A parameters",
    kind="own part",
    build=in_one_head(AdditiveAttention()),
    in_models=AdditiveAttention,
)
