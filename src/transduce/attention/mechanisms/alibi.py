"""ALiBi: a penalty on the score that grows with the distance."""

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.attention.masks import causal
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.mechanisms.whole_rows import WholeRows
from transduce.attention.multihead import SelfAttention
from transduce.attention.positions import Alibi, Positions

HEADS = 2


def penalty(queries: int, keys: int) -> Float[Tensor, "1 H L S"]:
    of_queries, of_keys = (Positions.first(tokens, torch.device("cpu")) for tokens in (queries, keys))
    return Alibi().bias(HEADS, of_queries, of_keys, torch.float32)


ALIBI = Mechanism(
    name="alibi",
    purpose="Nearer keys weigh more, at another rate in each head: models run on longer texts than they were trained on.",
    formula="softmax_j(q_i . k_j / sqrt(E) - m_h (i - j)) v_j over j <= i with slopes m_h = 2^(-8 h / H)",
    paper="Press, Smith and Lewis 2022, Train Short, Test Long, 2108.12409",
    cost="that of multi-head attention; no further parameters",
    kind="point",
    build=lambda width: WholeRows(SelfAttention(width, HEADS), penalty, causal()),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(WORDS, WORDS),
    caption="A row shows where its word looks: the slope is 1/16 in the first head and 1/256 in the second one.",
    alternates=("rotary", "t5", "relative"),
)
