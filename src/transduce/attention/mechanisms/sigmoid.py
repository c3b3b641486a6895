"""Sigmoid attention: each key on its own."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.normalisers import Normaliser, Sigmoid


@dataclass(frozen=True)
class SigmoidAttention(ModelAttention):
    """A sigmoid of each score with a bias."""

    bias_of_scores: Annotated[float, "added to each score; the paper's is -log(number of keys)"] = 0.0

    def __post_init__(self) -> None:
        config.check(self)

    def normalise(self, heads: int) -> Normaliser:
        return Sigmoid(self.bias_of_scores)


SIGMOID = Mechanism(
    name="sigmoid",
    purpose="A weight for each key from its own score: keys do not compete.",
    formula="sigmoid(q_i . k_j / sqrt(D)) v_j",
    paper="Ramapuram et al. 2024, Theory, Analysis, and Best Practices for Sigmoid Self-Attention, 2409.04431",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=in_one_head(SigmoidAttention()),
    in_models=SigmoidAttention,
    sums_to_one=False,
)
