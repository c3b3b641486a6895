"""The [training] table of a run file."""

from dataclasses import dataclass
from typing import Annotated, Literal

from transduce import config
from transduce.config import Fact
from transduce.training.optimisers import OPTIMISERS, Adam, Optimiser
from transduce.training.schedules import SCHEDULES, InverseSquareRoot, Schedule

Precision = Literal["auto", "bf16", "float32"]
DEFAULT_MINUTES = 30.0
BUDGET_NAMES = ("steps", "epochs", "minutes")  # the fields that can be the budget
LARGEST = 10**8  # limit of any budget: names of checkpoints have eight digits


@dataclass(frozen=True)
class EarlyStop:
    """Ends a run before its budget is spent, when validations no longer improve."""

    metric: Annotated[str | None, "the metric that must improve; left out: training.metric"] = None
    patience: Annotated[
        int, "the run ends after so many validations in a row without a new best", Fact(at_least=1, resume=True)
    ] = 5

    def __post_init__(self) -> None:
        config.check(self)


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained. At most one of `steps`, `epochs` and `minutes` is given; none means 30 minutes."""

    steps: Annotated[int | None, "stop after this many updates", Fact(at_least=1, below=LARGEST, resume=True)] = None
    epochs: Annotated[
        float | None, "stop after this many passes over the training data", Fact(above=0, below=LARGEST, resume=True)
    ] = None
    minutes: Annotated[
        float | None,
        "stop after about this many minutes, validation included",
        Fact(above=0, below=LARGEST, resume=True, automatic=True),
    ] = None
    batch_tokens: Annotated[
        int, "padded tokens of a batch; of pairs, target tokens", Fact(at_least=1, automatic=True)
    ] = 4096
    accumulate: Annotated[int, "batches per update", Fact(at_least=1)] = 1
    learning_rate: Annotated[
        float,
        "peak learning rate; adafactor uses 1/sqrt(step) where that is less",
        Fact(above=0, below=LARGEST, automatic=True),
    ] = 1e-3
    schedule: Annotated[Schedule, "learning rate over the steps", SCHEDULES, Fact(automatic=True)] = InverseSquareRoot(
        400
    )
    optimiser: Annotated[Optimiser, "how gradients move weights", OPTIMISERS, Fact(automatic=True)] = Adam()
    label_smoothing: Annotated[
        float,
        "share of the target's weight spread over the vocabulary; pieces for single bytes get none",
        Fact(at_least=0, below=1, automatic=True),
    ] = 0.1
    clip_norm: Annotated[float, "gradients are scaled down to this norm; 0: never", Fact(at_least=0)] = 1.0
    precision: Annotated[Precision, "auto: bf16 with float32 masters where the hardware is fast at it"] = "auto"
    validate_every: Annotated[
        int | None, "updates between validations; left out: ten over the run", Fact(at_least=1)
    ] = None
    validate_sentences: Annotated[
        int, "dev records that each validation predicts, a sample of all of them", Fact(at_least=1, measure=True)
    ] = 500
    metric: Annotated[
        str,
        "selects the best checkpoint: loss, or a metric of the task, whose ties the loss breaks",
        Fact(measure=True, automatic=True),
    ] = "loss"
    ema: Annotated[
        float | None,
        "decay of an exponential moving average of the weights, such as 0.999; at most (1 + t)/(10 + t) at step t, so that "
        "0.9999 is the same for 8,990 steps; left out: no average",
        Fact(above=0, below=1),
    ] = None
    average_last: Annotated[
        int, "validations also measure the mean of the weights at this many last ones; 1: no mean", Fact(at_least=1)
    ] = 1
    early_stop: Annotated[EarlyStop | None, "end the run when validations no longer improve; left out: never"] = None
    r_drop: Annotated[
        float,
        "weight of the divergence between two passes with different dropout (Liang et al. 2021); 0: one pass",
        Fact(at_least=0, at_most=100),
    ] = 0.0
    keep_last: Annotated[int, "number of newest checkpoints to keep", Fact(at_least=1, resume=True)] = 2
    keep_best: Annotated[int, "number of best checkpoints to keep", Fact(at_least=1, resume=True)] = 1

    def __post_init__(self) -> None:
        config.check(self)
        budgets = [name for name in BUDGET_NAMES if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise ValueError(f"only one of steps, epochs and minutes can be the budget, found {' and '.join(budgets)}")

    @property
    def stop_metric(self) -> str | None:
        """The metric of early stopping; None without early stopping."""
        return None if self.early_stop is None else self.early_stop.metric or self.metric

    @property
    def time_budget(self) -> float | None:
        """Minutes, where the budget is one of time."""
        return DEFAULT_MINUTES if self.steps is None and self.epochs is None and self.minutes is None else self.minutes
