"""Masked language modelling: attention in both directions over a corrupted input.

Letters: B batch, L tokens, V vocabulary, D width, H heads.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.multihead import SelfAttention
from transduce.layers.feed_forward import FeedForward

IGNORE = -100  # target of a token that the loss leaves out, as in F.cross_entropy
VOCABULARY, MASK, LONGEST = 16, 0, 32  # of the example
SENTENCE = ("the", "cat", "[MASK]", "the", "dog", "sleep")


class CorruptedTokens(NamedTuple):
    tokens: Int[Tensor, "B L"]
    targets: Int[Tensor, "B L"]  # the original token where the model is to predict it, else IGNORE


def corrupt(
    tokens: Int[Tensor, "B L"], mask: int, vocabulary: int, generator: torch.Generator, share: float = 0.15
) -> CorruptedTokens:
    """Selects each token with the probability `share`. Of those 80 % become `mask`, 10 % a random token, 10 % stay."""
    selected, action = (torch.rand(tokens.shape, generator=generator) for _ in range(2))
    random = torch.randint(vocabulary, tokens.shape, generator=generator)
    replacement = torch.where(action < 0.8, mask, torch.where(action < 0.9, random, tokens))
    is_target = selected < share
    return CorruptedTokens(torch.where(is_target, replacement, tokens), tokens.masked_fill(~is_target, IGNORE))


def masked_loss(logits: Float[Tensor, "B L V"], targets: Int[Tensor, "B L"]) -> Float[Tensor, ""]:
    """The mean cross-entropy of the tokens with a target; 0 where there is none."""
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum")
    return total / (targets != IGNORE).sum().clamp(min=1)


class MaskedLanguageModel(nn.Module):
    """One layer of BERT between embeddings and a prediction for each token. Attention itself has no mask."""

    def __init__(self, vocabulary: int, width: int, heads: int, longest: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.attention = SelfAttention(width, heads)
        self.feed_forward = FeedForward(width, 4 * width, F.gelu)
        self.transform = nn.Linear(width, width)
        self.to_logits = nn.Linear(width, vocabulary)
        self.embedding_norm, self.norm1, self.norm2, self.head_norm = (nn.LayerNorm(width) for _ in range(4))

    def forward(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        x = self._embed(tokens)
        x = self.norm1(x + self.attention(x)[0])
        x = self.norm2(x + self.feed_forward(x))
        logits: Tensor = self.to_logits(self.head_norm(F.gelu(self.transform(x))))
        return logits

    def weights(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B H L L"]:
        return self.attention.weights(self._embed(tokens))

    def _embed(self, tokens: Tensor) -> Float[Tensor, "B L D"]:
        places = self.positions.num_embeddings
        if tokens.shape[1] > places:
            raise ValueError(
                f"the model has {places} positions, found {tokens.shape[1]} tokens: build it with more positions"
            )
        x: Tensor = self.embedding_norm(self.tokens(tokens) + self.positions.weight[: tokens.shape[1]])
        return x


def sentence_with_a_gap(batch: int, width: int) -> tuple[Tensor]:
    """Token numbers of `SENTENCE`, random for each word."""
    others = sorted({*SENTENCE} - {"[MASK]"})
    tokens = torch.full((batch, len(SENTENCE)), MASK)
    for row in range(batch):
        numbers = dict(zip(others, 1 + torch.randperm(VOCABULARY - 1), strict=False))
        tokens[row] = torch.tensor([int(numbers.get(word, MASK)) for word in SENTENCE])
    return (tokens,)


MASKED_LANGUAGE_MODELING = Mechanism(
    name="masked-language-modeling",
    purpose="Predicts hidden tokens from both sides: the input is corrupted, attention itself sees everything.",
    formula="cross-entropy at the hidden tokens of logits(self-attention(corrupt(x)))",
    paper="Devlin et al. 2018, BERT, 1810.04805",
    cost="time L^2 D + L D^2 + L D V; a layer of 12 D^2, and embeddings",
    kind="point",
    build=lambda width: MaskedLanguageModel(VOCABULARY, width, heads=2, longest=LONGEST),
    shapes="tokens (B, L) -> logits (B, L, V)",
    inputs=sentence_with_a_gap,
    sides=(SENTENCE, SENTENCE),
    caption="A row shows where its token looks, on both sides. Embeddings are random.",
    note="`corrupt` hides tokens, `masked_loss` is the loss. As in BERT 80 % of the hidden tokens become [MASK], 10 % a "
    "random token, 10 % stay.",
)
