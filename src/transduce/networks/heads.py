"""Heads: hidden states to logits, classes or numbers, and the losses that go with them.

The logits of a head are divided by its `temperature` (Guo et al. 2017, 1706.04599). It is 1 in training; at the end it becomes
the one with which the probabilities fit the dev set best. It changes no first choice.

Letters: B rows, T tokens, N tokens of all rows, D width of the model, V vocabulary, C classes.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.layers.cross_entropy import LOGITS_AT_ONCE, CrossEntropy, linear_cross_entropy
from transduce.layers.divergence import symmetric_divergence
from transduce.layers.initialise import xavier_linear


class VocabularyHead(nn.Module):
    """Logits over a vocabulary: hidden @ weight^T, without a bias, as in the paper.

    The losses never hold the logits of a whole batch. no_smoothing: ids to which label smoothing gives no probability; the
    task sets them.
    """

    no_smoothing: tuple[int, ...] = ()
    temperature: Tensor

    def __init__(self, d_model: int, vocabulary: int, embedding: nn.Embedding | None = None) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.vocabulary = xavier_linear(d_model, vocabulary, bias=False)
        if embedding is not None:
            self.tie(embedding)

    def tie(self, embedding: nn.Embedding) -> None:
        """Makes the weight that of an embedding (Press and Wolf 2016, 1608.05859)."""
        self.vocabulary.weight = embedding.weight

    def forward(self, hidden: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        logits: Tensor = self.vocabulary(hidden / self.temperature)
        return logits

    logits = forward

    def logits_in_pieces(self, hidden: Float[Tensor, "N D"]) -> Iterator[Float[Tensor, "R V"]]:
        """The logits of all rows, some rows at a time: together they may be large."""
        for piece in hidden.split(max(1, LOGITS_AT_ONCE // len(self.vocabulary.weight))):
            yield self.logits(piece)

    def loss(
        self, hidden: Float[Tensor, "N D"], targets: Int[Tensor, " N"], smoothing: float, ignore: int
    ) -> CrossEntropy:
        """Label-smoothed cross-entropy and its number of tokens, those whose target is `ignore` left out."""
        scaled = hidden / self.temperature
        return linear_cross_entropy(scaled, self.vocabulary.weight, targets, smoothing, ignore, self.no_smoothing)

    def divergence(
        self, one: Float[Tensor, "N D"], other: Float[Tensor, "N D"], targets: Int[Tensor, " N"], ignore: int
    ) -> Float[Tensor, ""]:
        """Symmetric divergence of two passes' distributions (R-Drop), summed over the same tokens."""
        scaled = one / self.temperature, other / self.temperature
        return symmetric_divergence(*scaled, self.vocabulary.weight, targets != ignore)


class ClassHead(nn.Module):
    """One of C classes for each row: the mean over its own tokens, then a linear map."""

    temperature: Tensor

    def __init__(self, d_model: int, classes: int) -> None:
        super().__init__()
        self.classes = xavier_linear(d_model, classes)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, hidden: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B C"]:
        logits: Tensor = self.classes(mean_over_tokens(hidden, lengths)) / self.temperature
        return logits

    logits = forward


class NumberHead(nn.Module):
    """One number for each row: the mean over its own tokens, then a linear map."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.number = xavier_linear(d_model, 1)

    def forward(self, hidden: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        numbers: Tensor = self.number(mean_over_tokens(hidden, lengths))
        return numbers.squeeze(-1)


class FeatureHead(nn.Linear):
    """Features of a row to numbers: a linear map, (..., D) to (..., C)."""


class FeatureClassHead(FeatureHead):
    """Features of a row to the logits of classes, (..., D) to (..., C)."""

    temperature: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, features: Float[Tensor, "*B D"]) -> Float[Tensor, "*B C"]:
        return super().forward(features) / self.temperature


HEADS = (VocabularyHead, ClassHead, NumberHead, FeatureHead)
CALIBRATED = (VocabularyHead, ClassHead, FeatureClassHead)  # have a temperature


def mean_over_tokens(hidden: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B D"]:
    """The mean of the first lengths[b] states of each row: padding does not count. A row without tokens gives zeros."""
    own = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]  # (B, T)
    total = hidden.masked_fill(~own[..., None], 0.0).sum(1, dtype=torch.promote_types(hidden.dtype, torch.float32))
    return (total / lengths.clamp(min=1)[:, None]).to(hidden.dtype)


def inner_matrices(network: nn.Module) -> frozenset[str]:
    """Names of the matrices between features: weights of every nn.Linear outside of a head. Embeddings are none."""
    heads = [name for name, module in network.named_modules() if isinstance(module, HEADS)]
    return frozenset(
        f"{name}.weight" if name else "weight"
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and not any(f"{name}.".startswith(f"{head}.") for head in heads)
    )
