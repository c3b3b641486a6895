"""Sparse attention: the strided pattern of the Sparse Transformer."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.mask import Mask
from transduce.attention.masks import strided
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.config import Fact


@dataclass(frozen=True)
class SparseAttention(ModelAttention):
    """The strided pattern: the last tokens, and every stride-th one before."""

    stride: Annotated[int, "tokens of the window, and between those before it", Fact(at_least=1, at_most=1_000_000)] = 8

    def __post_init__(self) -> None:
        config.check(self)

    def mask(self) -> Mask:
        return strided(self.stride)


SPARSE = Mechanism(
    name="sparse",
    purpose="The last few keys and every third one before: two layers reach every earlier key.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over j <= i with i - j <= l or (i - j) mod l = 0",
    paper="Child et al. 2019, Generating Long Sequences with Sparse Transformers, 1904.10509",
    cost="L * sqrt(L) pairs for l = sqrt(L); no parameters",
    kind="point",
    build=in_one_head(SparseAttention(stride=3)),
    in_models=SparseAttention,
    note="Sparse weights, in place of a sparse pattern, come from the normaliser Sparsemax.",
    alternates=("bigbird", "sparsemax"),
)
