"""One update of the weights: gradients over all of its batches, clipped, and a step of the optimiser."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from transduce.data.loader import Rows
from transduce.machine.hardware import is_out_of_memory
from transduce.training.config import TrainingConfig
from transduce.training.optimisers import OptimiserGroup
from transduce.training.precision import MasterWeights
from transduce.training.state import TrainState
from transduce.training.training_step import TrainingStep


class TooLarge(ValueError):
    """Memory does not hold one row at a time."""


@dataclass(frozen=True)
class Trainable:
    """What an update works on."""

    step: TrainingStep
    batch: Callable[[Rows], Any]  # rows to the tensors of a batch, where the network is
    masters: MasterWeights
    optimiser: OptimiserGroup
    config: TrainingConfig


@dataclass(frozen=True)
class Measured:
    """Of one update. All per target token, in nats; `made` is False where something was not finite and nothing moved."""

    loss: float
    nll: float
    tokens: int
    gradient_norm: float
    learning_rate: float
    made: bool


def update(trainable: Trainable, batches: Sequence[Rows], state: TrainState) -> Measured:
    """Moves the weights once, unless loss or gradient is not finite; then nothing changes."""
    loss, nll, tokens = _gradients_within_memory(trainable, batches, state)
    masters, config = trainable.masters, trainable.config
    masters.scale_gradients(1.0 / tokens)
    limit = config.clip_norm or math.inf
    norm = float(nn.utils.clip_grad_norm_(masters.masters, limit, foreach=True))
    rate = config.learning_rate * config.schedule.at(state.step + 1, state.total_steps)
    made = math.isfinite(loss) and math.isfinite(norm)
    if made:
        trainable.optimiser.step(rate)
        masters.publish()
    masters.clear()
    return Measured(loss / tokens, nll / tokens, tokens, norm, rate, made)


def _gradients_within_memory(
    trainable: Trainable, batches: Sequence[Rows], state: TrainState
) -> tuple[float, float, int]:
    """Summed loss, nll and tokens, gradients collected; batches are cut finer for as long as memory runs out."""
    while True:
        try:
            return _gradients(trainable, batches, state.pieces)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise  # what the failed attempt holds is let go of before the next one
        trainable.masters.clear()
        if state.pieces >= max(len(batch.indices) for batch in batches):
            raise TooLarge("memory does not hold one row; use a smaller model")
        state.pieces *= 2
        torch.cuda.empty_cache()


def _gradients(trainable: Trainable, batches: Sequence[Rows], pieces: int) -> tuple[float, float, int]:
    losses, nlls, weight = [], [], 0
    for rows in batches:
        for first in range(min(pieces, len(rows.indices))):
            loss = trainable.step(trainable.batch(rows.part(first, pieces)))
            loss.total.backward()
            trainable.masters.collect()
            losses.append(loss.total.detach())
            nlls.append(loss.shown["nll"])
            weight += loss.weight
    return float(torch.stack(losses).sum()), float(torch.stack(nlls).sum()), weight
