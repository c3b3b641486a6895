"""The budget of a run: its number of steps, and the steps between validations.

A budget in minutes becomes a number of steps once: after 200 steps, or earlier after a fifth of the time (two fifths where
that is fewer than ten steps). From then on the run counts steps, so that a resumed run is exactly the same.
"""

import math
from dataclasses import dataclass

from transduce.data.records import counted
from transduce.training.averaging import most_candidates
from transduce.training.config import TrainingConfig
from transduce.training.state import TrainState

PROBE_STEPS = 200
PROBE_SHARE = 0.2  # of the time without validations
FEW_STEPS = 10  # with fewer, the rate is uncertain: the probe may take twice the share
FIRST_STEPS = 5  # the rate leaves these out: they include the cost of kernels and memory
VALIDATIONS = 10
VALIDATION_SHARE = 0.2  # of the remaining time, at most, where no setting gives the number of validations


@dataclass(frozen=True)
class Budget:
    """total_steps and validate_every of a run."""

    total_steps: int
    validate_every: int


def of_steps(config: TrainingConfig, total: int) -> Budget:
    return Budget(total, config.validate_every or max(1, math.ceil(total / VALIDATIONS)))


def in_steps(config: TrainingConfig, batches_per_epoch: int) -> Budget | None:
    """The budget in steps or epochs; None for one in minutes."""
    if config.steps is not None:
        return of_steps(config, config.steps)
    if config.epochs is not None:
        return of_steps(config, max(1, round(config.epochs * batches_per_epoch / config.accumulate)))
    return None


def probe_is_over(config: TrainingConfig, state: TrainState) -> bool:
    """Whether a budget of minutes can become a number of steps now."""
    assert config.time_budget is not None
    if state.step == 0:  # validation of a start: no update so far
        return False
    share = PROBE_SHARE if state.step >= FEW_STEPS else 2 * PROBE_SHARE
    seconds = 60 * config.time_budget - state.validation_seconds
    return state.step >= PROBE_STEPS or _update_seconds(state) >= share * seconds


def note_first(state: TrainState) -> None:
    """After each update of a run of minutes: stores the time of the first ones."""
    if state.total_steps is None and state.step <= FIRST_STEPS:
        state.first_steps, state.first_seconds = state.step, _update_seconds(state)


def _update_seconds(state: TrainState) -> float:
    return state.seconds - state.validation_seconds


def _seconds_per_step(state: TrainState) -> float:
    """Without the first updates, unless there are no others."""
    if state.step <= state.first_steps:
        return _update_seconds(state) / state.step
    return (_update_seconds(state) - state.first_seconds) / (state.step - state.first_steps)


def of_minutes(config: TrainingConfig, state: TrainState) -> Budget:
    """The steps that fit into the remaining minutes, at the rate of `state`, after a validation."""
    assert config.time_budget is not None
    per_step = _seconds_per_step(state)
    validation = state.last_validation * most_candidates(config) / state.last_candidates
    remaining = 60 * config.time_budget - state.seconds
    if config.validate_every is not None:
        total = state.step + max(0, int(remaining / (per_step + validation / config.validate_every)))
        return Budget(total, config.validate_every)
    # the first validation takes the longest: an untrained model generates outputs up to their limit
    validations = min(VALIDATIONS, max(1, int(VALIDATION_SHARE * remaining / validation)))
    update_seconds = remaining - min(validations * validation, VALIDATION_SHARE * remaining)
    total = state.step + max(0, int(update_seconds / per_step))
    return Budget(total, math.ceil(max(1, total - state.step) / validations))


def name(config: TrainingConfig) -> str:
    """The budget in words: "steps 100", "epochs 2.5", "minutes 7.0"."""
    if config.steps is not None:
        return f"steps {config.steps}"
    return f"epochs {config.epochs}" if config.epochs is not None else f"minutes {config.time_budget}"


def describe(config: TrainingConfig, state: TrainState) -> str:
    """The budget in words, and for a run that continues how much of it is used: "steps 100, 40 steps used"."""
    if not state.step:
        return name(config)
    used = f"{state.seconds / 60:.1f} minutes" if config.time_budget is not None else counted(state.step, "step")
    return f"{name(config)}, {used} used"
