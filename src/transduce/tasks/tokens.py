"""The common part of tasks over token ids: padding, the loss of a vocabulary head, and how certain it is.

Letters: B rows, T tokens, N tokens that count, R rows of one piece of them, D width of the model, V vocabulary.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from transduce.data.records import counted
from transduce.networks.heads import VocabularyHead
from transduce.text.tags import tags_of_source
from transduce.text.tokenizer import Tokenizer
from transduce.training.losses import Loss, Outputs

Ids = Sequence[int] | np.ndarray
IGNORE = -100  # the target where nothing is to be predicted; the id of padding may be that of the end token


def padded(rows: Sequence[Ids], before: tuple[int, ...], after: tuple[int, ...], fill: int) -> np.ndarray:
    """Rows as one int64 array, each between `before` and `after`.

    >>> padded([[5, 8], [7]], (), (3,), 0).tolist()
    [[5, 8, 3], [7, 3, 0]]
    """
    extra = len(before) + len(after)
    array = np.full((len(rows), max(map(len, rows)) + extra), fill, dtype=np.int64)
    for place, row in enumerate(rows):
        end = len(before) + len(row)
        array[place, : len(before)] = before
        array[place, len(before) : end] = row
        array[place, end : end + len(after)] = after
    return array


def tagged(tokenizer: Tokenizer, texts: Sequence[str], tags: Sequence[Sequence[str]] | None = None) -> list[list[int]]:
    """The ids of each text behind those of its tags. ValueError for an unknown tag, and for tags of some texts only."""
    rows = tokenizer.encode_batch(texts)
    if tags is None:
        return rows
    if any(isinstance(each, str) for each in tags):
        raise ValueError('expected the tags of each line, as [("de",), ("fr", "formal")], found a string')
    if len(tags) != len(texts):
        raise ValueError(f"expected the tags of each of {counted(len(texts), 'text')}, found {len(tags)}")
    ids = {names: tokenizer.tag_ids(tags_of_source(names)) for names in {tuple(each) for each in tags}}
    return [[*ids[tuple(names)], *row] if names else row for names, row in zip(tags, rows, strict=True)]


@dataclass(frozen=True)
class TokenOutputs:
    """The distributions of a batch over the vocabulary, as the head sees them: never all logits at once."""

    head: VocabularyHead
    hidden: Float[Tensor, "N D"]
    targets: Int[Tensor, " N"]

    def divergence(self, other: Outputs) -> Float[Tensor, ""]:
        assert isinstance(other, TokenOutputs)
        return self.head.divergence(self.hidden, other.hidden, self.targets, IGNORE)


def token_loss(
    head: VocabularyHead, hidden: Float[Tensor, "B T D"], targets: Int[Tensor, "B T"], smoothing: float
) -> Loss:
    """Label-smoothed cross-entropy of every target token that is not IGNORE, summed."""
    flat, flat_targets = hidden.flatten(0, 1), targets.flatten()
    result = head.loss(flat, flat_targets, smoothing, IGNORE)
    return Loss(result.total, result.tokens, {"nll": result.nll}, TokenOutputs(head, flat, flat_targets))


def smooth_over_text(head: VocabularyHead, tokenizer: Tokenizer) -> None:
    """Label smoothing then spreads over the pieces of text and the end token: ids without text get none, nor do the pieces
    for single bytes.

    Bytes spell the characters that have no piece. Where the training targets have no such character, only smoothing would
    make bytes probable: with 0.2 over 379 pieces, 256 of them bytes, 13 % of all draws would be bytes. A byte of the targets
    keeps the probability that the targets give it.
    """
    special = tokenizer.special - {tokenizer.end}
    head.no_smoothing = tuple(sorted({*special, *tokenizer.spelling_ids()}))


def logits_and_targets(
    head: VocabularyHead, hidden: Float[Tensor, "B T D"], targets: Int[Tensor, "B T"]
) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
    """Float32 logits and targets of all tokens that count, row after row, in pieces: those of a batch may be large."""
    counted = targets != IGNORE
    begin = 0
    for logits in head.logits_in_pieces(hidden[counted]):
        yield logits.float(), targets[counted][begin : begin + len(logits)]
        begin += len(logits)


def perplexity(nll: float) -> float:
    """exp of the mean negative log-likelihood of a token; infinite beyond the range of a float."""
    return math.exp(nll) if nll < 700 else math.inf
