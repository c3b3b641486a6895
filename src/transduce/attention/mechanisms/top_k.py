"""Top-k attention: softmax over the best keys."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.normalisers import Normaliser, TopK
from transduce.config import Fact


@dataclass(frozen=True)
class TopKAttention(ModelAttention):
    """Softmax over the best keys."""

    count: Annotated[int, "keys with a weight", Fact(at_least=1, at_most=1_000_000)] = 8

    def __post_init__(self) -> None:
        config.check(self)

    def normalise(self, heads: int) -> Normaliser:
        return TopK(self.count)


TOP_K = Mechanism(
    name="top-k",
    purpose="Softmax over the two best keys of each query; the others have no weight.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over the k highest scores",
    paper="Zhao et al. 2019, Explicit Sparse Transformer, 1912.11637",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=in_one_head(TopKAttention(count=2)),
    in_models=TopKAttention,
)
