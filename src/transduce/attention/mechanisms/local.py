"""Local attention: a window around the place of the query."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.mask import Mask
from transduce.attention.masks import window
from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import ScaledDotProduct
from transduce.config import Fact


@dataclass(frozen=True)
class LocalAttention(ModelAttention):
    """A window around the position of the query; scores are scaled dot products, unlike the paper."""

    window: Annotated[int, "tokens that a query sees on each side", Fact(at_least=0, at_most=1_000_000)] = 32

    def __post_init__(self) -> None:
        config.check(self)

    def mask(self) -> Mask:
        return window(self.window, self.window)


LOCAL = Mechanism(
    name="local",
    purpose="A query sees the keys of a window around its own place (local-m).",
    formula="softmax_j(q_i . k_j) v_j over i - 2 <= j <= i + 2",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (local-m)",
    cost="time and memory L * window in chunks (windowed.py); no parameters",
    kind="point",
    build=lambda width: Attention(ScaledDotProduct(1.0), mask=window(2, 2)),
    in_models=LocalAttention,
    note="In models scores are scaled by the root of the width. In cross-attention target token i sees source tokens "
    "i - window to i + window. Windows that follow the text: local-predictive.",
    alternates=("local-predictive",),
)
