"""Translation: source ids to target ids, with an encoder-decoder.

    source row      [17, 4, 9]           ->  source      [17, 4, 9, </s>]
    target row      [5, 8]               ->  target_in   [<s>, 5, 8]
                                             target_out  [5, 8, </s>]

Letters: B pairs, S source tokens, T target tokens, end token included in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.architectures.transformer import EncoderDecoder
from transduce.text.special import END, PAD, START
from transduce.training.consistency import consistent_cross_entropy
from transduce.training.losses import TokenLoss, linear_cross_entropy

Ids = Sequence[int] | np.ndarray


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
    chosen = _target_logits(network, batch).log_softmax(-1).gather(-1, batch.target_out[..., None])[..., 0]  # (B, T)
    counts = (batch.target_out != PAD).sum(1).tolist()
    return [row[:count] for row, count in zip(chosen.tolist(), counts, strict=True)]


@torch.no_grad()
def first_choices(network: EncoderDecoder, batch: Batch) -> list[tuple[list[float], list[bool]]]:
    """At each target token of each pair, given those before it: how probable the model's first choice is, and whether
    it is the token. The end token is last.
    """
    sure, chosen = _target_logits(network, batch).softmax(-1).max(-1)  # (B, T)
    counts = (batch.target_out != PAD).sum(1).tolist()
    rows = zip(sure.tolist(), (chosen == batch.target_out).tolist(), counts, strict=True)
    return [(confidence[:count], right[:count]) for confidence, right, count in rows]


def _target_logits(network: EncoderDecoder, batch: Batch) -> Float[Tensor, "B T V"]:
    if network.training:
        raise ValueError("the model is in training mode, in which dropout changes its scores: call model.eval() first")
    logits: Tensor = network(batch.source, batch.lengths, batch.target_in)
    return logits.float()
