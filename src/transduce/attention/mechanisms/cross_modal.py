"""Cross-modal attention: one modality attends to another.

Letters: B batch, L and S steps and D and E widths of the two modalities, H heads.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.masks import padding, zero_padding
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.multihead import merge_heads
from transduce.layers.initialise import xavier_linear
from transduce.layers.packed_linear import PackedLinear

FRAMES = 4


class CrossModal(nn.Module):
    """Multi-head attention between streams of different widths and lengths. `allowed` is False at padding of the other stream.

    ValueError for heads that do not divide the width.
    """

    def __init__(self, width: int, other_width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"the width must be a multiple of heads, found {width} and {heads}")
        self.heads = heads
        self.to_query = xavier_linear(width, width)
        self.to_key_value = PackedLinear(other_width, width, width)
        self.to_output = xavier_linear(width, width)

    def forward(
        self, x: Float[Tensor, "B L D"], other: Float[Tensor, "B S E"], allowed: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B L D"]:
        query, key, value = self._heads(x, other, allowed)
        output: Tensor = self.to_output(merge_heads(attend(query, key, value, padding(allowed))))
        return output

    def weights(
        self, x: Float[Tensor, "B L D"], other: Float[Tensor, "B S E"], allowed: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B H L S"]:
        query, key, _ = self._heads(x, other, allowed)
        return attention_weights(query, key, padding(allowed))

    def _heads(self, x: Tensor, other: Tensor, allowed: Tensor | None) -> list[Tensor]:
        """(B, H, L, D / H), then twice (B, H, S, D / H)."""
        key, value = self.to_key_value(zero_padding(other, allowed)).chunk(2, -1)
        return [each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.to_query(x), key, value)]


def words_and_frames(batch: int, width: int) -> tuple[Tensor, Tensor]:
    """A sentence, and a video with half as many features."""
    return sentences(batch, width)[0], torch.randn(batch, FRAMES, width // 2)


CROSS_MODAL = Mechanism(
    name="cross-modal",
    purpose="A modality takes what it needs from another one, whatever the widths and rates of the two.",
    formula="softmax(X_a W^Q (X_b W^K)^T / sqrt(D / H)) X_b W^V, in each head",
    paper="Tsai et al. 2019, Multimodal Transformer for Unaligned Multimodal Language Sequences, 1906.00295 (MulT)",
    cost="time L * S * D; 2 D^2 + 2 D E + 4 D parameters",
    kind="point",
    build=lambda width: CrossModal(width, width // 2, heads=2),
    shapes="(B, L, D), (B, S, E) -> (B, L, D)",
    inputs=words_and_frames,
    sides=(WORDS, [f"frame {n + 1}" for n in range(FRAMES)]),
    caption="A row shows at which frames of a video its word looks. Equal words get equal weights.",
    note="In the paper's stack every layer reads the first states of the other modality, not those of its layer.",
)
