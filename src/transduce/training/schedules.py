"""Learning-rate schedules: pure functions of the step, as factors of the peak rate.

Steps count from 1: the factor for the first update is at(1). `total` is the run's number of steps, or None until a budget
in minutes is a number of steps. A warm-up takes at most half of the run, whatever the setting: a run that never reaches its
peak rate, nor decays from it, learns little.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

from transduce import config
from transduce.config import Fact


@runtime_checkable
class Schedule(Protocol):
    @property
    def warmup(self) -> int: ...

    def at(self, step: int, total: int | None) -> float: ...


def within(warmup: int, total: int | None) -> int:
    """The warm-up of a run of `total` steps: the setting, at most half of the run."""
    return warmup if total is None else min(warmup, total // 2)


def warm_up(step: int, warmup: int) -> float:
    """step / warmup, at most 1: a straight line to the peak."""
    return min(1.0, step / max(1, warmup))


def decay_progress(step: int, warmup: int, total: int | None) -> float:
    """Progress after the warm-up, from 0 at its last step (without a warm-up, the first step) to 1 at the last step of the
    run; 0 while the total is unknown.
    """
    peak = max(1, warmup)
    if total is None or step <= peak:
        return 0.0
    return min(1.0, (step - peak) / (total - peak))


@dataclass(frozen=True)
class InverseSquareRoot:
    """Warm-up, then sqrt(warmup / step) (Vaswani et al. 2017, section 5.3, whose peak is (d-model * warmup)^-0.5)."""

    warmup: Annotated[int, "steps to the peak, at most half of the run", Fact(at_least=0)] = 4000

    def __post_init__(self) -> None:
        config.check(self)

    def at(self, step: int, total: int | None) -> float:
        warmup = within(self.warmup, total)
        return min(warm_up(step, warmup), math.sqrt(warmup / step)) if warmup else 1 / math.sqrt(step)


@dataclass(frozen=True)
class Cosine:
    """Warm-up, then half a cosine down to `final` at the last step (Loshchilov and Hutter 2016, 1608.03983)."""

    warmup: Annotated[int, "steps to the peak, at most half of the run", Fact(at_least=0)] = 400
    final: Annotated[float, "the last step's factor", Fact(at_least=0, at_most=1)] = 0.0

    def __post_init__(self) -> None:
        config.check(self)

    def at(self, step: int, total: int | None) -> float:
        warmup = within(self.warmup, total)
        share = decay_progress(step, warmup, total)
        return warm_up(step, warmup) * (self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * share)))


@dataclass(frozen=True)
class Linear:
    """Warm-up, then a straight line down to `final` at the last step."""

    warmup: Annotated[int, "steps to the peak, at most half of the run", Fact(at_least=0)] = 400
    final: Annotated[float, "the last step's factor", Fact(at_least=0, at_most=1)] = 0.0

    def __post_init__(self) -> None:
        config.check(self)

    def at(self, step: int, total: int | None) -> float:
        warmup = within(self.warmup, total)
        share = decay_progress(step, warmup, total)
        return warm_up(step, warmup) * (1.0 - (1.0 - self.final) * share)


@dataclass(frozen=True)
class Constant:
    """Warm-up, then the peak rate to the end."""

    warmup: Annotated[int, "steps to the peak, at most half of the run", Fact(at_least=0)] = 0

    def __post_init__(self) -> None:
        config.check(self)

    def at(self, step: int, total: int | None) -> float:
        return warm_up(step, within(self.warmup, total))


@dataclass(frozen=True)
class WarmUpStableDecay:
    """Warm-up, the peak rate for most of the run, then down to `final` over its last part (Hu et al. 2024, 2404.06395).

    Down along 1 - sqrt, which Haegele et al. 2024 (2405.18392) found better than a straight line.
    """

    warmup: Annotated[int, "steps to the peak, at most half of the run", Fact(at_least=0)] = 400
    decay: Annotated[
        float, "share of the steps after the warm-up in which the rate falls", Fact(above=0, at_most=1)
    ] = 0.2
    final: Annotated[float, "the last step's factor", Fact(at_least=0, at_most=1)] = 0.0

    def __post_init__(self) -> None:
        config.check(self)

    def at(self, step: int, total: int | None) -> float:
        warmup = within(self.warmup, total)
        share = decay_progress(step, warmup, total)
        falling = max(0.0, (share - (1.0 - self.decay)) / self.decay)
        return warm_up(step, warmup) * (1.0 - (1.0 - self.final) * math.sqrt(falling))


SCHEDULES: dict[str, type[Schedule]] = {
    "inverse-square-root": InverseSquareRoot,
    "cosine": Cosine,
    "linear": Linear,
    "constant": Constant,
    "warmup-stable-decay": WarmUpStableDecay,
}
