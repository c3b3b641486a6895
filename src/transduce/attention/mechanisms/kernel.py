"""Kernel attention: a product of features in place of the exponential, in time linear in the length."""

from dataclasses import dataclass

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import FeatureKernel, Score


@dataclass(frozen=True)
class KernelAttention(ModelAttention):
    """Linear attention with the features elu(x) + 1."""

    def score(self, heads: int, width: int) -> Score:
        return FeatureKernel()


KERNEL = Mechanism(
    name="kernel",
    purpose="Weights are products of features: sums over the keys replace the matrix of weights.",
    formula="phi(q_i) . sum_j phi(k_j) v_j / phi(q_i) . sum_j phi(k_j) with phi(x) = elu(x) + 1",
    paper="Katharopoulos et al. 2020, Transformers are RNNs, 2006.16236; random features: Choromanski et al. 2020, 2009.14794",
    cost="time and memory (L + S) D^2; no parameters",
    kind="own part",
    build=in_one_head(KernelAttention()),
    in_models=KernelAttention,
    note="linear.py has other features (FAVOR+, degree 2) and the causal form, as a recurrence and in chunks.",
)
