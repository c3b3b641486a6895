"""Hard attention: one key."""

from dataclasses import dataclass

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.normalisers import Hard, Normaliser


@dataclass(frozen=True)
class HardAttention(ModelAttention):
    """All weight on one key; the gradient is that of the softmax."""

    def normalise(self, heads: int) -> Normaliser:
        return Hard()


HARD = Mechanism(
    name="hard",
    purpose="All weight on the best key; the gradient is that of the softmax (straight-through).",
    formula="v_j for j = argmax_j(q_i . k_j / sqrt(D))",
    paper="Xu et al. 2015, Show, Attend and Tell, 1502.03044; estimator: Jang et al. 2016, 1611.01144",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=in_one_head(HardAttention()),
    in_models=HardAttention,
)
