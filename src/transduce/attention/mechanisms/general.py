"""General attention: a learned bilinear form between query and key."""

from dataclasses import dataclass

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import General, Score


@dataclass(frozen=True)
class GeneralAttention(ModelAttention):
    """A bilinear form, which all heads share."""

    def score(self, heads: int, width: int) -> Score:
        return General(width, width)


GENERAL = Mechanism(
    name="general",
    purpose="Compares query and key by a learned bilinear form: they may have different widths.",
    formula="softmax_j(q_i W k_j) v_j",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (general)",
    cost="time and memory L * S; D^2 parameters",
    kind="own part",
    build=in_one_head(GeneralAttention()),
    in_models=GeneralAttention,
)
