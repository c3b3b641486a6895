"""Translation: source ids to target ids, with an encoder-decoder.

    source row      [17, 4, 9]           ->  source      [17, 4, 9, </s>]
    target row      [5, 8]               ->  target_in   [<s>, 5, 8]
                                             target_out  [5, 8, </s>]

Letters: B pairs, S source tokens, T target tokens, end token included in both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.networks.transformer import EncoderDecoder
from transduce.text.special import END, PAD, START
from transduce.training.consistency import consistent_cross_entropy
from transduce.training.losses import PIECE, TokenLoss, linear_cross_entropy

Ids = Sequence[int] | np.ndarray
T = TypeVar("T")


@dataclass(frozen=True)
class Translation:
    """The task of a run file: its fields are the keys of [task]."""

    columns: ClassVar[tuple[str, ...]] = ("source", "target")
    network: ClassVar[str] = "encoder-decoder"  # of NETWORKS, where [model] names no kind


@dataclass(frozen=True)
class Batch:
    """Padded at the end with PAD."""

    source: Int[Tensor, "B S"]
    lengths: Int[Tensor, " B"]  # of the sources, without padding
    target_in: Int[Tensor, "B T"]
    target_out: Int[Tensor, "B T"]


def padded(rows: Sequence[Ids], before: tuple[int, ...], after: tuple[int, ...]) -> np.ndarray:
    """Rows as one int64 array, each between `before` and `after`: padded([[5, 8], [7]], (), (3,)) is [[5, 8, 3], [7, 3, 0]]."""
    extra = len(before) + len(after)
    array = np.full((len(rows), max(map(len, rows)) + extra), PAD, dtype=np.int64)
    for place, row in enumerate(rows):
        end = len(before) + len(row)
        array[place, : len(before)] = before
        array[place, len(before) : end] = row
        array[place, end : end + len(after)] = after
    return array


def batch_of(source: Sequence[Ids], target: Sequence[Ids], device: torch.device | str = "cpu") -> Batch:
    """Pairs of rows without special ids to a batch with them."""
    arrays = (
        padded(source, (), (END,)),
        np.array([len(row) + 1 for row in source], dtype=np.int64),
        padded(target, (START,), ()),
        padded(target, (), (END,)),
    )
    return Batch(*(torch.from_numpy(array).to(device) for array in arrays))


def loss(network: EncoderDecoder, batch: Batch, smoothing: float) -> TokenLoss:
    """Label-smoothed cross-entropy of every target token given those before it, summed."""
    hidden = network.hidden(batch.source, batch.lengths, batch.target_in)
    return linear_cross_entropy(hidden.flatten(0, 1), network.output.weight, batch.target_out.flatten(), smoothing, PAD)


def consistent_loss(network: EncoderDecoder, batch: Batch, smoothing: float, alpha: float) -> TokenLoss:
    """The same of two passes with different dropout, and how far they are apart (R-Drop)."""
    twice = [torch.cat([part, part]) for part in (batch.source, batch.lengths, batch.target_in)]
    first, second = network.hidden(*twice).flatten(0, 1).chunk(2)
    return consistent_cross_entropy(
        first, second, network.output.weight, batch.target_out.flatten(), smoothing, PAD, alpha
    )


@torch.no_grad()
def token_log_probabilities(network: EncoderDecoder, batch: Batch) -> list[list[float]]:
    """Log-probability of each target token of each pair, the end token last, in float32 whatever the network's type."""
    found: list[float] = []
    for logits, targets in _target_logits(network, batch):
        found += logits.log_softmax(-1).gather(1, targets[:, None])[:, 0].tolist()
    return _by_pair(found, batch)


@torch.no_grad()
def first_choices(network: EncoderDecoder, batch: Batch) -> list[tuple[list[float], list[bool]]]:
    """At each target token of each pair, given those before it: how probable the model's first choice is, and whether
    it is the token. The end token is last.
    """
    confidence: list[float] = []
    right: list[bool] = []
    for logits, targets in _target_logits(network, batch):
        sure, chosen = logits.softmax(-1).max(-1)
        confidence += sure.tolist()
        right += (chosen == targets).tolist()
    return list(zip(_by_pair(confidence, batch), _by_pair(right, batch), strict=True))


def _target_logits(network: EncoderDecoder, batch: Batch) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
    """Logits and targets of all tokens that are no padding, pair after pair, in pieces: those of a batch may be large."""
    if network.training:
        raise ValueError("the model is in training mode, in which dropout changes its scores: call model.eval() first")
    counted = batch.target_out != PAD
    hidden = network.hidden(batch.source, batch.lengths, batch.target_in)[counted]
    targets = batch.target_out[counted]
    rows = max(1, PIECE // len(network.output.weight))
    for piece, target in zip(hidden.split(rows), targets.split(rows), strict=True):
        yield network.logits(piece).float(), target


def _by_pair(values: list[T], batch: Batch) -> list[list[T]]:
    """One list for each pair."""
    each = iter(values)
    return [list(islice(each, count)) for count in (batch.target_out != PAD).sum(1).tolist()]
