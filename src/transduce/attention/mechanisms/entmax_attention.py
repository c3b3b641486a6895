"""Entmax attention: between softmax and sparsemax."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.normalisers import Entmax

ENTMAX = Mechanism(
    name="entmax",
    purpose="Keys with low scores have no weight at all, with a smooth transition; a higher alpha gives more zeros.",
    formula="max((alpha - 1) s_ij - t_i, 0)^(1 / (alpha - 1)) v_j with t_i such that the weights sum to 1; alpha 1.5",
    paper="Peters, Niculae and Martins 2019, Sparse Sequence-to-Sequence Models, 1905.05702; learned alpha: 1909.00015",
    cost="time L * S log S for alpha 1.5, else 50 steps of bisection over L * S; no parameters",
    kind="own part",
    build=lambda width: Attention(normalise=Entmax()),
    note="Alpha towards 1 is softmax, alpha 2 sparsemax. `normalisers.LearnedEntmax` learns an alpha for each head.",
)
