"""Masked attention: padding and gaps have no weight.

Letters: B batch, L queries, S keys, D width of queries and keys, V of values.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import by_keys, zero_padding
from transduce.attention.mechanisms.mechanism import WORDS, Attention, Mechanism, sentences

LENGTH = 4  # words of the example; its two other places are padding


class Masked(nn.Module):
    """Scaled dot-product attention to the keys where `allowed` is True. A row without any key gives zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        allowed: Bool[Tensor, "B S"],
    ) -> Float[Tensor, "B L V"]:
        key, value = (zero_padding(each, allowed) for each in (key, value))
        output: Tensor = self.attention(query, key, value, by_keys(allowed))
        return output

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        allowed: Bool[Tensor, "B S"],
    ) -> Float[Tensor, "B L S"]:
        return self.attention.weights(query, zero_padding(key, allowed), value, by_keys(allowed))


def padded_sentences(batch: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    query, key, value = sentences(batch, width)
    return query[:, :LENGTH], key, value, (torch.arange(len(WORDS)) < LENGTH).expand(batch, -1)


MASKED = Mechanism(
    name="masked",
    purpose="Keys that are padding, or are missing, have no weight: a padded batch gives what each sample gives alone.",
    formula="softmax_j(q_i . k_j / sqrt(D) + log m_j) v_j with m_j = 1, or 0 for padding",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.2.3",
    cost="time and memory L * S; no parameters",
    kind="point",
    build=lambda width: Masked(),
    shapes="(B, L, D), (B, S, D), (B, S, V), keys (B, S) -> (B, L, V)",
    inputs=padded_sentences,
    sides=(WORDS[:LENGTH], (*WORDS[:LENGTH], *["<pad>"] * (len(WORDS) - LENGTH))),
    caption="A row shows where its word looks: never at padding.",
    note="True means may attend. `masks.by_keys` is the mask; other mechanisms take it, or the same flags, too.",
)
