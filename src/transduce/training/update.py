"""One update of the weights: gradients over all of its batches, clipped, and a step of the optimiser."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from transduce.data.loader import Rows
from transduce.machine.hardware import is_out_of_memory
from transduce.training.budget import schedule_position
from transduce.training.config import TrainingConfig
from transduce.training.optimisers import OptimiserGroup
from transduce.training.precision import MasterWeights
from transduce.training.state import TrainState
from transduce.training.training_step import TrainingStep


class TooLarge(ValueError):
    """One row alone does not fit into memory."""


@dataclass(frozen=True)
class Trainable:
    """The parts of an update."""

    step: TrainingStep
    batch: Callable[[Rows], Any]  # rows to the tensors of a batch, on the network's device
    masters: MasterWeights
    optimiser: OptimiserGroup
    config: TrainingConfig


@dataclass(frozen=True)
class UpdateResult:
    """Figures of one update: objective and loss are means per unit (target token, row), in nats.

    objective: whose gradient it follows, with label smoothing and R-Drop. loss: the negative log-likelihood without them, as
    validations measure it.
    units: 0 where the batches have nothing to learn from, as where a masked language model draws no mask; nothing moves.
    finite: False where loss or gradient is not finite; nothing moves.
    """

    objective: float
    loss: float
    units: int
    gradient_norm: float
    learning_rate: float
    finite: bool


def update(trainable: Trainable, batches: Sequence[Rows], state: TrainState) -> UpdateResult:
    """Moves the weights once. Nothing moves where loss or gradient is not finite, or where the batches have no units."""
    objective, loss, units = _gradients_within_memory(trainable, batches, state)
    masters, config = trainable.masters, trainable.config
    rate = config.learning_rate * config.schedule.at(*schedule_position(state))
    if units == 0:
        return UpdateResult(0.0, 0.0, 0, 0.0, rate, finite=True)
    masters.scale_gradients(1.0 / units)
    limit = config.clip_norm or math.inf
    norm = float(nn.utils.clip_grad_norm_(masters.masters, limit, foreach=True))
    finite = math.isfinite(objective) and math.isfinite(norm)
    if finite:
        trainable.optimiser.step(rate)
        masters.publish()
    masters.clear()
    return UpdateResult(objective / units, loss / units, units, norm, rate, finite)


def _gradients_within_memory(
    trainable: Trainable, batches: Sequence[Rows], state: TrainState
) -> tuple[float, float, int]:
    """Sums of objective, loss and units, with gradients in the masters. Splits batches further as long as memory runs out."""
    while True:
        try:
            return _gradients(trainable, batches, state.pieces)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # outside of the handler: the error holds the tensors of the failed attempt
        trainable.masters.clear()
        if state.pieces >= max(len(batch.indices) for batch in batches):
            raise TooLarge("one row does not fit into memory; use a smaller model")
        state.pieces *= 2
        torch.cuda.empty_cache()


def _gradients(trainable: Trainable, batches: Sequence[Rows], pieces: int) -> tuple[float, float, int]:
    losses, nlls, units = [], [], 0
    for rows in batches:
        for first in range(min(pieces, len(rows.indices))):
            loss = trainable.step(trainable.batch(rows.part(first, pieces)))
            if loss.weight == 0:  # its total may be a constant, without a gradient
                continue
            loss.total.backward()
            trainable.masters.collect()
            losses.append(loss.total.detach())
            nlls.append(loss.shown["nll"])
            units += loss.weight
    if units == 0:
        return 0.0, 0.0, 0
    return float(torch.stack(losses).sum()), float(torch.stack(nlls).sum()), units
