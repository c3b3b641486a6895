"""Document attention: several short texts in one row, none of which sees another.

Letters: B batch, T tokens, D width of queries and keys, V width of values.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.masks import causal, same_document
from transduce.attention.mechanisms.mechanism import Attention, Mechanism


class PackedDocuments(nn.Module):
    """Attention within each document: `documents` has the same number at all tokens of a document."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def forward(
        self,
        query: Float[Tensor, "B T D"],
        key: Float[Tensor, "B T D"],
        value: Float[Tensor, "B T V"],
        documents: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B T V"]:
        output: Tensor = self.attention(query, key, value, same_document(documents))
        return output

    def weights(
        self,
        query: Float[Tensor, "B T D"],
        key: Float[Tensor, "B T D"],
        value: Float[Tensor, "B T V"],
        documents: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B T T"]:
        return self.attention.weights(query, key, value, same_document(documents))


TEXTS = (("it", "rains"), ("the", "cat", "sleeps"), ("why", "not"))
TOKENS = [word for text in TEXTS for word in text]


def packed(batch: int, width: int) -> tuple[Tensor, ...]:
    """Three texts side by side."""
    x = torch.randn(batch, len(TOKENS), width)
    numbers = torch.repeat_interleave(torch.arange(len(TEXTS)), torch.tensor([len(text) for text in TEXTS]))
    return x, x, x, numbers.repeat(batch, 1)


DOCUMENT = Mechanism(
    name="document",
    purpose="Packs short texts into one row without padding: each sees itself alone, as in a batch of its own.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over j <= i in the document of i",
    paper="Krell et al. 2021, Efficient Sequence Packing without Cross-contamination, 2107.02027",
    cost="time L * S * D with a dense mask; no parameters",
    kind="point",
    build=lambda width: PackedDocuments(Attention(mask=causal())),
    shapes="(B, T, D), (B, T, D), (B, T, V), (B, T) numbers of documents -> (B, T, V)",
    inputs=packed,
    sides=(TOKENS, TOKENS),
    caption="Three texts in a row, each causal: the blocks on the diagonal.",
)
