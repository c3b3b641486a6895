"""What a run works with, put together outside of this room."""

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


@dataclass(frozen=True)
class Validation:
    """What a validation found: values by name of metric, "loss" among them, and some lines to look at."""

    values: dict[str, float]
    samples: str


@dataclass(frozen=True)
class Job:
    """Everything a run works with. Its TrainState, which changes all the time, goes beside it."""

    trainable: Trainable
    moving: MovingAverage | None
    loader: Loader
    checkpoints: Path
    log: MetricsLog
    validate: Callable[[StopRequest], Validation]  # asks the request now and then, which may raise Interrupted
    higher_is_better: Callable[[str], bool]  # by name of metric
    publish: Callable[[TrainState, dict[str, Tensor], Mapping[str, float]], None]  # makes the model folder of weights
    draw: Callable[[], None]  # draws what the log holds
    unit: str = "target tokens"  # what the loss is a mean over
