"""Sparsemax attention: weights that are exactly zero."""

from dataclasses import dataclass

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.normalisers import Normaliser, Sparsemax


@dataclass(frozen=True)
class SparsemaxAttention(ModelAttention):
    """Sparsemax in place of the softmax."""

    def normalise(self, heads: int) -> Normaliser:
        return Sparsemax()


SPARSEMAX = Mechanism(
    name="sparsemax",
    purpose="The point of the simplex nearest to the scores: keys with low scores have no weight at all.",
    formula="max(s_ij - t_i, 0) v_j with t_i such that the weights sum to 1",
    paper="Martins and Astudillo 2016, From Softmax to Sparsemax, 1602.02068",
    cost="time L * S log S, memory L * S; no parameters",
    kind="own part",
    build=in_one_head(SparsemaxAttention()),
    in_models=SparsemaxAttention,
)
