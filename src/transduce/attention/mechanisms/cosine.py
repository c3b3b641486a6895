"""Cosine attention: similarity of directions, with one sharpness for all queries."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import Cosine, Score
from transduce.config import Fact


@dataclass(frozen=True)
class CosineAttention(ModelAttention):
    """Cosines with a fixed sharpness."""

    sharpness: Annotated[float, "the largest score", Fact(above=0)] = 10.0

    def __post_init__(self) -> None:
        config.check(self)

    def score(self, heads: int, width: int) -> Score:
        return Cosine(width, fixed=self.sharpness)


COSINE = Mechanism(
    name="cosine",
    purpose="Scores stay between -10 and 10 whatever the lengths of the vectors: large networks train without overflow.",
    formula="softmax_j(10 cos(q_i, k_j)) v_j",
    paper="Liu et al. 2022, Swin Transformer V2, 2111.09883; language models: Henry et al. 2020, 2010.04245",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=in_one_head(CosineAttention()),
    in_models=CosineAttention,
    note="The papers learn the sharpness of each head; 10 is their initial value in Swin V2.",
    alternates=("content-based",),
)
