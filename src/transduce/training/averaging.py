"""Means of the weights over a run, which are often better than the last weights themselves.

Both kinds are validated beside the weights, and the best of the three becomes the model.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from transduce.training import checkpoints
from transduce.training.config import TrainingConfig
from transduce.training.precision import MasterWeights
from transduce.training.state import TrainState

log = logging.getLogger(__name__)

Weights = dict[str, Tensor]

WEIGHTS = {  # the names of candidates, in words
    "weights": "the weights",
    "mean": "the mean of the last validated weights",
    "ema": "the moving average of the weights",
}


class Candidate(NamedTuple):
    """Weights to validate: `name` is one of WEIGHTS."""

    name: str
    weights: Weights


def decay_at(step: int, decay: float) -> float:
    """min(decay, (1 + step) / (10 + step)): a young average forgets the first, random weights sooner."""
    return min(decay, (1 + step) / (10 + step))


class MovingAverage:
    """Exponential moving average of the weights (Polyak and Juditsky 1992 in its exponential form), in float32."""

    def __init__(self, masters: MasterWeights, decay: float) -> None:
        self.masters, self.decay = masters, decay
        self.average = {name: held.clone() for name, held in masters.tensors().items()}

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Takes in the weights as they are after update number `step`."""
        now = list(self.masters.tensors().values())
        torch._foreach_lerp_(list(self.average.values()), now, 1.0 - decay_at(step, self.decay))

    @torch.no_grad()
    def load(self, tensors: Weights) -> None:
        for name, held in self.average.items():
            held.copy_(tensors[name])


def most_candidates(config: TrainingConfig) -> int:
    """How many weights a validation compares, the first ones apart, which have no mean yet."""
    return 1 + (config.average_last > 1) + (config.ema is not None)


def candidates(
    config: TrainingConfig,
    masters: MasterWeights,
    moving: MovingAverage | None,
    state: TrainState,
    folder: Path,
) -> Iterator[Candidate]:
    """What a validation compares, one after the other: no more than one mean stands in memory."""
    yield Candidate("weights", masters.tensors())
    if config.average_last > 1 and state.snapshots:
        earlier = [folder / name for name in state.snapshots[1 - config.average_last :]]
        yield Candidate("mean", mean(masters.tensors(), earlier))
    if moving is not None and state.step:
        yield Candidate("ema", moving.average)


@torch.no_grad()
def mean(now: Weights, earlier: list[Path]) -> Weights:
    """The mean of the weights now and those of earlier checkpoints (Vaswani et al. 2017, section 6.1).

    A checkpoint that is missing or damaged is left out with a warning.
    """
    total = {name: held.clone() for name, held in now.items()}
    count = 1
    for folder in earlier:
        try:
            weights = checkpoints.load_weights(folder)
        except (ValueError, OSError) as error:
            log.warning("the mean of weights leaves out %s: %s", folder.name, error)
            continue
        count += 1
        for name, held in total.items():
            held += weights[name].to(held.device)
    for held in total.values():
        held /= count
    return total
