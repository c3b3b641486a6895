"""Co-attention: an image and a question attend to each other through one affinity matrix.

Letters: B batch, N regions, T words, D width, A hidden width.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.pooling import pool, pool_weights
from transduce.attention.scores import General

REGIONS, WORDS = 4, ("what", "colour", "is", "it")


class CoAttention(nn.Module):
    """The parallel form. `allowed` is False at padding of the words, which then has no influence on the regions either."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.affinity = General(width, width)
        self.from_regions = nn.Linear(width, hidden, bias=False)
        self.from_words = nn.Linear(width, hidden, bias=False)
        self.region_query, self.word_query = nn.Parameter(torch.randn(hidden)), nn.Parameter(torch.randn(hidden))

    def forward(
        self,
        regions: Float[Tensor, "B N D"],
        words: Float[Tensor, "B T D"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B 2*D"]:
        """The vectors of `both` side by side."""
        return torch.cat(self.both(regions, words, allowed), -1)

    def both(
        self,
        regions: Float[Tensor, "B N D"],
        words: Float[Tensor, "B T D"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        """One vector of the image, one of the question."""
        words = zero_padding(words, allowed)
        of_regions, of_words = self._keys(regions, words)
        return pool(self.region_query, of_regions, regions), pool(self.word_query, of_words, words, allowed)

    def weights(
        self,
        regions: Float[Tensor, "B N D"],
        words: Float[Tensor, "B T D"],
        allowed: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B 1 N+T"]:
        """Weights of the regions, then of the words."""
        of_regions, of_words = self._keys(regions, zero_padding(words, allowed))
        parts = pool_weights(self.region_query, of_regions), pool_weights(self.word_query, of_words, allowed)
        return torch.cat(parts, -1)

    def _keys(self, regions: Tensor, words: Tensor) -> tuple[Float[Tensor, "B N A"], Float[Tensor, "B T A"]]:
        affinity = self.affinity(words, regions).tanh()  # (B, T, N); zero for padding, as no map has a bias
        from_regions, from_words = self.from_regions(regions), self.from_words(words)
        of_regions = (from_regions + affinity.transpose(-2, -1) @ from_words).tanh()
        return of_regions, (from_words + affinity @ from_regions).tanh()


CO_ATTENTION = Mechanism(
    name="co-attention",
    purpose="Pools the regions of an image and the words of a question; each pooling sees the other side by an affinity matrix.",
    formula="C = tanh(Q W_b V^T); H_v = tanh(V W_v + C^T Q W_q), H_q = tanh(Q W_q + C V W_v); v = softmax(H_v w_v) V, "
    "q = softmax(H_q w_q) Q",
    paper="Lu et al. 2016, Hierarchical Question-Image Co-Attention for Visual Question Answering, 1606.00061 (parallel)",
    cost="time N * T * (D + A); D^2 + 2 D A + 2 A parameters for a hidden width A",
    kind="arrangement",
    build=lambda width: CoAttention(width, width),
    shapes="regions (B, N, D), words (B, T, D) -> (B, 2 D)",
    inputs=lambda batch, width: (torch.randn(batch, REGIONS, width), torch.randn(batch, len(WORDS), width)),
    sides=(("image, question",), (*[f"region {n + 1}" for n in range(REGIONS)], *WORDS)),
    caption="The weights of the regions sum to 100, and so do those of the words.",
    sums_to_one=False,
    note="`both` returns the two vectors, `forward` both side by side.",
)
