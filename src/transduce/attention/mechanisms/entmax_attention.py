"""Entmax attention: between softmax and sparsemax."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.normalisers import Entmax, LearnedEntmax, Normaliser
from transduce.config import Fact


@dataclass(frozen=True)
class EntmaxAttention(ModelAttention):
    """Entmax in place of the softmax."""

    alpha: Annotated[float, "towards 1 it is softmax, 2 is sparsemax", Fact(above=1)] = 1.5
    learned: Annotated[bool, "each head learns its alpha between 1 and 2, from `alpha` on"] = False

    def __post_init__(self) -> None:
        config.check(self)
        if self.learned and self.alpha >= 2:
            raise ValueError(f"a learned alpha must start between 1 and 2, found {self.alpha}")

    def normalise(self, heads: int) -> Normaliser:
        return LearnedEntmax(heads, self.alpha) if self.learned else Entmax(self.alpha)


ENTMAX = Mechanism(
    name="entmax",
    purpose="Keys with low scores have no weight at all, with a smooth transition; a higher alpha gives more zeros.",
    formula="max((alpha - 1) s_ij - t_i, 0)^(1 / (alpha - 1)) v_j with t_i such that the weights sum to 1; alpha 1.5",
    paper="Peters, Niculae and Martins 2019, Sparse Sequence-to-Sequence Models, 1905.05702; learned alpha: 1909.00015",
    cost="time L * S log S for alpha 1.5, else 50 steps of bisection over L * S; no parameters",
    kind="own part",
    build=in_one_head(EntmaxAttention()),
    in_models=EntmaxAttention,
    note="Alpha towards 1 is softmax, alpha 2 sparsemax. `normalisers.LearnedEntmax` learns an alpha for each head.",
)
