"""The parts of a run, which workflows/train builds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from transduce.data.loader import Loader
from transduce.training.averaging import MovingAverage
from transduce.training.interrupt import StopRequest
from transduce.training.metrics_log import MetricsLog
from transduce.training.state import TrainState
from transduce.training.update import Trainable

Publish = Callable[
    [TrainState, dict[str, Tensor], Mapping[str, float]], None
]  # state, weights, values of the validation


@dataclass(frozen=True)
class Validation:
    """Values by name of metric, "loss" among them, and sample lines for a reader."""

    values: dict[str, float]
    samples: str


@dataclass(frozen=True)
class Job:
    """All parts of a run but its TrainState, which changes.

    device: where the network is: "cpu", "cuda:1".
    validate: checks the request now and then and may raise Interrupted.
    higher_is_better: by name of metric.
    publish: saves weights as the model folder.
    draw: draws the learning curve from the log.
    figures: the task's readable forms of a mean negative log-likelihood, {"perplexity": ...}; {} where there are none.
    unit: the loss is a mean over these.
    """

    trainable: Trainable
    moving: MovingAverage | None
    device: str
    loader: Loader
    checkpoints: Path
    log: MetricsLog
    validate: Callable[[StopRequest], Validation]
    higher_is_better: Callable[[str], bool]
    publish: Publish
    draw: Callable[[], None]
    figures: Callable[[float], Mapping[str, float]]
    unit: str
