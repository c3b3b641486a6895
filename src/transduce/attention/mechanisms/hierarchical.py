"""Hierarchical attention: words to sentences, sentences to a document.

Letters: B batch, N sentences, W words, D width.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.pooling import AdditivePooling

SENTENCES, PLACES = 3, 5


class Hierarchical(nn.Module):
    """Pools the words of each sentence, then the sentences; each level has a learned query. `allowed` is False at padding,
    and a sentence without words has no weight.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.words = AdditivePooling(width, hidden)
        self.sentences = AdditivePooling(width, hidden)

    def forward(
        self, x: Float[Tensor, "B N W D"], allowed: Bool[Tensor, "B N W"] | None = None
    ) -> Float[Tensor, "B D"]:
        document: Tensor = self.sentences(self.words(x, allowed), _any_word(allowed))
        return document

    def weights(
        self, x: Float[Tensor, "B N W D"], allowed: Bool[Tensor, "B N W"] | None = None
    ) -> Float[Tensor, "B N W"]:
        """Weight of the sentence times weight of the word in it: the share of each word in the output."""
        of_sentences = self.sentences.weights(self.words(x, allowed), _any_word(allowed))  # (B, 1, N)
        return of_sentences.transpose(-2, -1) * self.words.weights(x, allowed).squeeze(-2)


def _any_word(allowed: Tensor | None) -> Tensor | None:
    return None if allowed is None else allowed.any(-1)


HIERARCHICAL = Mechanism(
    name="hierarchical",
    purpose="Pools words to sentences and sentences to a document, with a softmax and a learned query on each level.",
    formula="s_i = softmax_t(u_w . tanh(W h_it + b)) h_it; d = softmax_i(u_s . tanh(W' s_i + b')) s_i",
    paper="Yang et al. 2016, Hierarchical Attention Networks for Document Classification, N16-1174",
    cost="time and memory linear in the words; 2 (D A + 2 A) parameters for a hidden width A",
    kind="arrangement",
    build=lambda width: Hierarchical(width, width),
    shapes="(B, N sentences, W words, D) -> (B, D)",
    inputs=lambda batch, width: (torch.randn(batch, SENTENCES, PLACES, width),),
    sides=([f"sentence {number + 1}" for number in range(SENTENCES)], [f"word {n + 1}" for n in range(PLACES)]),
    caption="The share of each word in the document: weight of its sentence times weight in the sentence. All sum to 100.",
    sums_to_one=False,
    note="The paper has a recurrent encoder before each level; `words` and `sentences` are the two poolings.",
)
