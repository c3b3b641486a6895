"""Means of the weights over a run, which are often better than the last weights.

Validations measure both means beside the weights, and the best of the three becomes the model.
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

WEIGHTS = {  # names of candidates -> words
    "weights": "the weights",
    "mean": "the mean of the last validated weights",
    "ema": "the moving average of the weights",
}


class Candidate(NamedTuple):
    """Weights to validate: `name` is one of WEIGHTS."""

    name: str
    weights: Weights


def decay_at(step: int, decay: float) -> float:
    """min(decay, (1 + step) / (10 + step)): a young average forgets the random first weights faster."""
    return min(decay, (1 + step) / (10 + step))


class MovingAverage:
    """Exponential moving average of the weights (Polyak and Juditsky 1992 in its exponential form), in float32."""

    def __init__(self, masters: MasterWeights, decay: float) -> None:
        self.masters, self.decay = masters, decay
        self.average = {name: weight.clone() for name, weight in masters.tensors().items()}

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Adds the weights after update number `step`."""
        weights = list(self.masters.tensors().values())
        torch._foreach_lerp_(list(self.average.values()), weights, 1.0 - decay_at(step, self.decay))

    @torch.no_grad()
    def load(self, tensors: Weights) -> None:
        for name, average in self.average.items():
            average.copy_(tensors[name])


def most_candidates(config: TrainingConfig) -> int:
    """Number of weights that a validation compares; the first validation has no mean yet."""
    return 1 + (config.average_last > 1) + (config.ema is not None)


def candidates(
    config: TrainingConfig,
    masters: MasterWeights,
    moving: MovingAverage | None,
    state: TrainState,
    folder: Path,
) -> Iterator[Candidate]:
    """The weights that a validation compares, one after the other: memory holds one mean at a time."""
    yield Candidate("weights", masters.tensors())
    if config.average_last > 1 and state.snapshots:
        earlier = [folder / name for name in state.snapshots[1 - config.average_last :]]
        yield Candidate("mean", mean(masters.tensors(), earlier))
    if moving is not None and state.step:
        yield Candidate("ema", moving.average)


@torch.no_grad()
def mean(last: Weights, earlier: list[Path]) -> Weights:
    """The mean of the last weights and those of earlier checkpoints (Vaswani et al. 2017, section 6.1).

    Leaves out a missing or damaged checkpoint, with a warning.
    """
    total = {name: weight.clone() for name, weight in last.items()}
    count = 1
    for folder in earlier:
        try:
            weights = checkpoints.load_weights(folder)
        except (ValueError, OSError) as error:
            log.warning("the mean of weights leaves out %s: %s", folder.name, error)
            continue
        count += 1
        for name, tensor in total.items():
            tensor += weights[name].to(tensor.device)
    for tensor in total.values():
        tensor /= count
    return total
