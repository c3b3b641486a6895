"""Contrastive attention: two sentences are aligned softly, and each word is compared with its counterpart.

Letters: B batch, L and S words of the two sentences, D width.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import padding, zero_padding
from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import ScaledDotProduct

FIRST, SECOND = ("a", "man", "plays", "the", "violin"), ("a", "woman", "plays", "music")


class Contrastive(nn.Module):
    """[a, a', a - a', a * a'], where a' is the attention of a word a to the other sentence; both ways.

    first_allowed, second_allowed: False at padding. Outputs at padding have no meaning.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention(ScaledDotProduct(1.0))

    def forward(
        self,
        first: Float[Tensor, "B L D"],
        second: Float[Tensor, "B S D"],
        first_allowed: Bool[Tensor, "B L"] | None = None,
        second_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L+S 4*D"]:
        """The outputs of `both`, those of the second sentence behind those of the first."""
        return torch.cat(self.both(first, second, first_allowed, second_allowed), 1)

    def both(
        self,
        first: Float[Tensor, "B L D"],
        second: Float[Tensor, "B S D"],
        first_allowed: Bool[Tensor, "B L"] | None = None,
        second_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> tuple[Float[Tensor, "B L 4*D"], Float[Tensor, "B S 4*D"]]:
        first, second = zero_padding(first, first_allowed), zero_padding(second, second_allowed)
        to_second = self.attention(first, second, second, padding(second_allowed))
        to_first = self.attention(second, first, first, padding(first_allowed))
        return compare(first, to_second), compare(second, to_first)

    def weights(
        self,
        first: Float[Tensor, "B L D"],
        second: Float[Tensor, "B S D"],
        first_allowed: Bool[Tensor, "B L"] | None = None,
        second_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L S"]:
        """The weights of the first sentence; with swapped arguments, those of the second."""
        second = zero_padding(second, second_allowed)
        return self.attention.weights(zero_padding(first, first_allowed), second, second, padding(second_allowed))


def compare(x: Float[Tensor, "B L D"], counterpart: Float[Tensor, "B L D"]) -> Float[Tensor, "B L 4*D"]:
    """Both vectors, their difference and their product."""
    return torch.cat([x, counterpart, x - counterpart, x * counterpart], -1)


def two_sentences(batch: int, width: int) -> tuple[Tensor, Tensor]:
    """Equal words have equal vectors, others random ones."""
    vectors = {word: torch.randn(batch, width) for word in (*FIRST, *SECOND)}
    first, second = (torch.stack([vectors[word] for word in words], 1) for words in (FIRST, SECOND))
    return first, second


CONTRASTIVE = Mechanism(
    name="contrastive",
    purpose="Shows a network the similarities and differences of two sentences, word by word.",
    formula="[a_i, a'_i, a_i - a'_i, a_i * a'_i] with a'_i = softmax_j(a_i . b_j) b_j, and the same for b",
    paper="Chen et al. 2017, Enhanced LSTM for Natural Language Inference, 1609.06038 (ESIM)",
    cost="time and memory L * S * D; no parameters",
    kind="arrangement",
    build=lambda width: Contrastive(),
    shapes="(B, L, D), (B, S, D) -> (B, L + S, 4 D)",
    inputs=two_sentences,
    sides=(FIRST, SECOND),
    caption="A row shows the counterpart of its word in the other sentence. Equal words have equal vectors.",
    note="The name also stands for a pair of opposed attentions, here called opponent. `both` returns the outputs of the two "
    "sentences, `forward` both in one tensor.",
    alternates=("opponent",),
)
