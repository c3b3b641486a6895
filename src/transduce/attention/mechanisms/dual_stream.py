"""Dual-stream attention: two streams exchange keys and values.

Letters: B batch, T words, N regions, E and D their widths, H heads.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.masks import zero_padding
from transduce.attention.mechanisms.cross_modal import CrossModal
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.layers.feed_forward import FeedForward

REGIONS = 4


class Stream(nn.Module):
    """A Transformer layer whose keys and values come from the other stream."""

    def __init__(self, width: int, other_width: int, heads: int) -> None:
        super().__init__()
        self.attention = CrossModal(width, other_width, heads)
        self.feed_forward = FeedForward(width, 4 * width, F.gelu)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, other: Tensor, allowed: Tensor | None) -> Float[Tensor, "B N D"]:
        x = self.norm1(x + self.attention(x, other, allowed))
        output: Tensor = self.norm2(x + self.feed_forward(x))
        return output


class DualStream(nn.Module):
    """Both streams attend to each other at once, from their old states. `allowed` is False at padding of the words."""

    def __init__(self, region_width: int, word_width: int, heads: int) -> None:
        super().__init__()
        self.regions = Stream(region_width, word_width, heads)
        self.words = Stream(word_width, region_width, heads)

    def forward(
        self,
        words: Float[Tensor, "B T E"],
        regions: Float[Tensor, "B N D"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T E"]:
        """The new words; `both` returns the new regions too."""
        return self.both(words, regions, allowed)[0]

    def both(
        self,
        words: Float[Tensor, "B T E"],
        regions: Float[Tensor, "B N D"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "B N D"]]:
        words = zero_padding(words, allowed)
        return self.words(words, regions, None), self.regions(regions, words, allowed)

    def weights(
        self,
        words: Float[Tensor, "B T E"],
        regions: Float[Tensor, "B N D"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B H T N"]:
        """The weights of the words; `regions.attention.weights` has those of the regions."""
        return self.words.attention.weights(zero_padding(words, allowed), regions)


DUAL_STREAM = Mechanism(
    name="dual-stream",
    purpose="Two streams, words and image regions, each have their own layer and read the other's states.",
    formula="v <- FFN(norm(v + MultiHead(v, w, w))) and w <- FFN(norm(w + MultiHead(w, v, v))), both from the old v and w",
    paper="Lu et al. 2019, ViLBERT, 1908.02265 (co-attentional Transformer layer)",
    cost="time N * T * (D + E); a Transformer layer for each stream",
    kind="arrangement",
    build=lambda width: DualStream(width, width, heads=2),
    shapes="words (B, T, E), regions (B, N, D) -> (B, T, E)",
    inputs=lambda batch, width: (sentences(batch, width)[0], torch.randn(batch, REGIONS, width)),
    sides=(WORDS, [f"region {n + 1}" for n in range(REGIONS)]),
    caption="A row shows at which regions its word looks. Equal words get equal weights.",
    note="The two streams of vision-language models; those of XLNet are called two-stream here. `both` returns both streams, "
    "`forward` the words. FFN is a feed-forward network with residual and norm.",
    alternates=("two-stream",),
)
