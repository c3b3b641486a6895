"""Content-based attention: cosine similarity with a learned sharpness."""

from dataclasses import dataclass

from transduce.attention.mechanisms.mechanism import Mechanism, in_one_head
from transduce.attention.model_attention import ModelAttention
from transduce.attention.scores import Cosine, Score


@dataclass(frozen=True)
class ContentBasedAttention(ModelAttention):
    """Cosines with a learned sharpness, which all heads share."""

    def score(self, heads: int, width: int) -> Score:
        return Cosine(width)


CONTENT_BASED = Mechanism(
    name="content-based",
    purpose="Looks up the key that points in the direction of the query, whatever their lengths.",
    formula="softmax_j(beta_i cos(q_i, k_j)) v_j with beta_i = softplus(w . q_i + b)",
    paper="Graves, Wayne and Danihelka 2014, Neural Turing Machines, 1410.5401",
    cost="time and memory L * S; D + 1 parameters",
    kind="own part",
    build=in_one_head(ContentBasedAttention()),
    in_models=ContentBasedAttention,
    alternates=("cosine",),
)
