"""Generative attention: each region of a picture that is being generated attends to the words of its description (AttnGAN).

Letters: B pictures, D channels, h height, w width, N = h w regions, T words, F width of a word.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import zero_unseen
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism
from transduce.attention.mechanisms.pictures import PIXELS, pictures, to_picture, to_tokens
from transduce.attention.scores import ScaledDotProduct

UNSCALED = ScaledDotProduct(1.0)


class WordContext(nn.Module):
    """For each region the weighted mean of the words, in the space of the picture: c_j = sum_i softmax_i(h_j . U e_i) U e_i."""

    def __init__(self, channels: int, word_width: int) -> None:
        super().__init__()
        self.to_picture_space = nn.Linear(word_width, channels, bias=False)  # U

    def forward(
        self, picture: Float[Tensor, "B D h w"], words: Float[Tensor, "B T F"], mask: Mask | DenseMask | None = None
    ) -> Float[Tensor, "B D h w"]:
        """The context alone; a generator stacks it on the picture. mask: over words, such as `within_lengths`."""
        regions, keys, mask = self._regions_words(picture, words, mask)
        return to_picture(attend(regions, keys, keys, mask, score=UNSCALED).squeeze(1), picture.shape[2])

    def weights(
        self, picture: Float[Tensor, "B D h w"], words: Float[Tensor, "B T F"], mask: Mask | DenseMask | None = None
    ) -> Float[Tensor, "B N T"]:
        regions, keys, mask = self._regions_words(picture, words, mask)
        return attention_weights(regions, keys, mask, score=UNSCALED).squeeze(1)

    def _regions_words(
        self, picture: Tensor, words: Tensor, mask: Mask | DenseMask | None
    ) -> tuple[Float[Tensor, "B 1 N D"], Float[Tensor, "B 1 T D"], DenseMask | None]:
        """Both in the space of the picture, as one head."""
        regions = to_tokens(picture)
        if isinstance(mask, Mask):
            mask = mask.written_out_for(regions, words)
        return regions.unsqueeze(1), self.to_picture_space(zero_unseen(words, mask)).unsqueeze(1), mask


def picture_and_words(batch: int, width: int) -> tuple[Tensor, ...]:
    vectors = {word: torch.randn(batch, width) for word in WORDS}
    return *pictures(batch, width), torch.stack([vectors[word] for word in WORDS], 1)


GENERATIVE = Mechanism(
    name="generative",
    purpose="Each region of a picture chooses the words that describe it, so that a generator can draw its details.",
    formula="sum_i softmax_i(h_j . U e_i) U e_i for region j and words i",
    paper="Xu et al. 2017, AttnGAN: Fine-Grained Text to Image Generation with Attentional GANs, 1711.10485",
    cost="time and memory h * w * T; D F parameters",
    kind="point",
    build=lambda width: WordContext(width, width),
    shapes="(B, D, h, w), (B, T, F) -> (B, D, h, w)",
    inputs=picture_and_words,
    sides=(PIXELS, WORDS),
    caption="A row shows the words of its pixel (row, column). Pixels 1,1 and 2,3 have the same colour and similar rows.",
    note="The name has no paper of its own. Attention between the pixels of a generator is the row sagan.",
    alternates=("sagan",),
)
