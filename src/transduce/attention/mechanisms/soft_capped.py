"""Soft-capped attention: scores that cannot pass a bound."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.attend import DOT_PRODUCT
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import Score, SoftCapped
from transduce.config import Fact


@dataclass(frozen=True)
class SoftCappedAttention(ModelAttention):
    """Scaled dot products below a cap."""

    cap: Annotated[float, "no score is larger", Fact(above=0)] = 50.0

    def __post_init__(self) -> None:
        config.check(self)

    def score(self, heads: int, width: int) -> Score:
        return SoftCapped(DOT_PRODUCT, self.cap)


SOFT_CAPPED = Mechanism(
    name="soft-capped",
    purpose="Bends large scores: no score passes the cap, so that no key takes all weight by its length alone.",
    formula="softmax_j(c tanh(q_i . k_j / (c sqrt(D)))) v_j with c = 2",
    paper="Gemma Team 2024, Gemma 2: Improving Open Language Models at a Practical Size, 2408.00118 (c = 50)",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=in_one_head(SoftCappedAttention(cap=2.0)),
    in_models=SoftCappedAttention,
)
