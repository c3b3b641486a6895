"""The [training] table of a run file."""

from dataclasses import dataclass
from typing import Annotated, Literal

from transduce.training.optimisers import OPTIMISERS, Adam, Optimiser
from transduce.training.schedules import SCHEDULES, InverseSquareRoot, Schedule

Precision = Literal["auto", "bf16", "float32"]
DEFAULT_MINUTES = 30.0
LARGEST = 10**8  # of any budget: beyond it is a mistake, and names of checkpoints have eight digits


@dataclass(frozen=True)
class EarlyStop:
    """A run ends before its budget is spent when validations no longer get better."""

    metric: Annotated[str | None, "what must get better: as metric, which it is where left out"] = None
    patience: Annotated[int, "validations in a row without a new best after which the run ends"] = 5

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1, found {self.patience}")


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained. At most one of `steps`, `epochs` and `minutes` is given; none means 30 minutes."""

    steps: Annotated[int | None, "stop after this many updates"] = None
    epochs: Annotated[float | None, "stop after this many passes over the training pairs"] = None
    minutes: Annotated[float | None, "stop after about this many minutes, validation included"] = None
    batch_tokens: Annotated[int, "padded target tokens of a batch"] = 4096
    accumulate: Annotated[int, "batches per update"] = 1
    learning_rate: Annotated[float, "peak learning rate; adafactor takes 1/sqrt(step) where that is less"] = 1e-3
    schedule: Annotated[Schedule, "learning rate over the steps", SCHEDULES] = InverseSquareRoot(400)
    optimiser: Annotated[Optimiser, "how gradients move weights", OPTIMISERS] = Adam()
    label_smoothing: Annotated[float, "share of the target's weight spread over the vocabulary"] = 0.1
    clip_norm: Annotated[float, "gradients are scaled down to this norm; 0: never"] = 1.0
    precision: Annotated[Precision, "auto: bf16 with float32 masters where the hardware is fast at it"] = "auto"
    validate_every: Annotated[int | None, "updates between validations; left out: ten over the run"] = None
    validate_sentences: Annotated[int, "dev sentences that each validation decodes, drawn from all of them"] = 500
    metric: Annotated[
        str,
        "what makes a checkpoint the best: loss, perplexity, bleu, chrf, exact-match or an error rate; of equal ones the loss",
    ] = "chrf"
    ema: Annotated[
        float | None,
        "decay of an exponential moving average of the weights, such as 0.999; at most (1 + t)/(10 + t) at step t, so that "
        "0.9999 is the same for 8,990 steps; left out: none is kept",
    ] = None
    average_last: Annotated[int, "the mean of the weights at this many last validations is tried too; 1: not"] = 1
    early_stop: Annotated[EarlyStop | None, "end the run when validations get no better; left out: never"] = None
    r_drop: Annotated[
        float, "weight of the divergence between two passes with other dropout (Liang et al. 2021); 0: one pass"
    ] = 0.0
    keep_last: Annotated[int, "newest checkpoints kept"] = 2
    keep_best: Annotated[int, "best checkpoints kept"] = 1

    def __post_init__(self) -> None:
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"only one of steps, epochs and minutes can be the budget, found {' and '.join(given)}")
        for name in (*given, "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name.replace('_', '-')} must be above 0, found {getattr(self, name)}")
            if getattr(self, name) >= LARGEST:
                raise ValueError(f"{name.replace('_', '-')} must be below {LARGEST:,}, found {getattr(self, name)}")
        for name in ("batch_tokens", "accumulate", "validate_sentences", "average_last", "keep_last", "keep_best"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.replace('_', '-')} must be at least 1, found {getattr(self, name)}")
        if self.validate_every is not None and self.validate_every < 1:
            raise ValueError(f"validate-every must be at least 1, found {self.validate_every}")
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(f"label-smoothing must be at least 0 and below 1, found {self.label_smoothing}")
        if self.ema is not None and not 0.0 < self.ema < 1.0:
            raise ValueError(f"ema must be above 0 and below 1, found {self.ema}; leave it out for no moving average")
        if not 0.0 <= self.r_drop <= 100.0:
            raise ValueError(f"r-drop must be 0 to 100, found {self.r_drop}")
        if self.clip_norm < 0:
            raise ValueError(f"clip-norm must be at least 0, found {self.clip_norm}")

    @property
    def watched(self) -> str | None:
        """The metric that early stopping looks at; None where there is none."""
        return None if self.early_stop is None else self.early_stop.metric or self.metric

    @property
    def time_budget(self) -> float | None:
        """Minutes, where the budget is one of time."""
        return DEFAULT_MINUTES if self.steps is None and self.epochs is None and self.minutes is None else self.minutes
