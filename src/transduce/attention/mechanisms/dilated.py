"""Dilated attention: a window with gaps."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.mask import Mask
from transduce.attention.masks import dilated
from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.config import Fact


@dataclass(frozen=True)
class DilatedAttention(ModelAttention):
    """A window with gaps around the position of the query."""

    steps: Annotated[int, "tokens that a query sees on each side", Fact(at_least=0, at_most=1_000_000)] = 16
    dilation: Annotated[int, "distance between two tokens of the window", Fact(at_least=1, at_most=1_000_000)] = 2

    def __post_init__(self) -> None:
        config.check(self)

    def mask(self) -> Mask:
        return dilated(self.steps, self.dilation)


DILATED = Mechanism(
    name="dilated",
    purpose="Every second key of a window: the same number of keys reaches twice as far.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over |i - j| <= w d with i - j a multiple of d",
    paper="Beltagy, Peters and Cohan 2020, Longformer: The Long-Document Transformer, 2004.05150",
    cost="L * (2 w + 1) pairs; no parameters",
    kind="point",
    build=in_one_head(DilatedAttention(steps=1)),
    in_models=DilatedAttention,
    alternates=("local",),
)
