"""Hard attention: one key."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.normalisers import Hard

HARD = Mechanism(
    name="hard",
    purpose="All weight on the best key; the gradient is that of the softmax (straight-through).",
    formula="v_j for j = argmax_j(q_i . k_j / sqrt(D))",
    paper="Xu et al. 2015, Show, Attend and Tell, 1502.03044; estimator: Jang et al. 2016, 1611.01144",
    cost="time and memory L * S; no parameters",
    kind="own part",
    build=lambda width: Attention(normalise=Hard()),
)
