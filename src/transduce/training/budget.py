"""The budget of a run: its number of steps, and the steps between validations.

A budget in minutes becomes a number of steps early: after 200 steps, or after a fifth of the time (two fifths where that is
fewer than ten steps). Each later validation compares the end that is to be expected with the budget, and corrects the number
where they differ by more than a tenth, as on a machine that has become slower. The state stores both, so that a resumed run
counts the same steps.
"""

import math
from dataclasses import dataclass

from transduce.data.records import counted
from transduce.training.averaging import most_candidates
from transduce.training.config import TrainingConfig
from transduce.training.state import TrainState

PROBE_STEPS = 200
PROBE_SHARE = 0.2  # of the time without validations
FEW_STEPS = 10  # with fewer, the rate is uncertain: the probe may take twice the share, and corrections wait
FIRST_STEPS = 5  # the rate leaves these out: they include the cost of kernels and memory
DEVIATION = 0.1  # of the time: where the end is expected further from the budget, the number of steps is corrected
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


def note_validation(config: TrainingConfig, state: TrainState) -> None:
    """After each validation of a run of minutes, from which the rate is measured anew, unless it follows few steps."""
    if config.time_budget is not None and state.step - state.rate_step >= FEW_STEPS:
        state.rate_step, state.rate_seconds = state.step, _update_seconds(state)


def _seconds_per_step(state: TrainState) -> float:
    """Since `rate_step`; before that is known, since the first updates, unless there are no others."""
    if 0 < state.rate_step < state.step:
        return (_update_seconds(state) - state.rate_seconds) / (state.step - state.rate_step)
    if state.step <= state.first_steps:
        return _update_seconds(state) / state.step
    return (_update_seconds(state) - state.first_seconds) / (state.step - state.first_steps)


def of_minutes(config: TrainingConfig, state: TrainState, validations: int = VALIDATIONS) -> Budget:
    """The steps that fit into the remaining minutes, at the rate of `state`, after a validation; with so many `validations`
    at most, where no setting gives their number.
    """
    assert config.time_budget is not None
    per_step, validation = _seconds_per_step(state), _validation_seconds(config, state)
    remaining = 60 * config.time_budget - state.seconds
    if config.validate_every is not None:
        total = state.step + max(0, int(remaining / (per_step + validation / config.validate_every)))
        return Budget(total, config.validate_every)
    # the first validation takes the longest: an untrained model generates outputs up to their limit
    validations = min(validations, max(1, int(VALIDATION_SHARE * remaining / validation)))
    update_seconds = remaining - min(validations * validation, VALIDATION_SHARE * remaining)
    total = state.step + max(0, int(update_seconds / per_step))
    return Budget(total, math.ceil(max(1, total - state.step) / validations))


def _validation_seconds(config: TrainingConfig, state: TrainState) -> float:
    """Of the next ones, at most."""
    return state.last_validation * most_candidates(config) / state.last_candidates


def correction(config: TrainingConfig, state: TrainState) -> Budget | None:
    """After a validation of a run of minutes: a new plan, where the end is expected too far from the budget.

    None too where so few steps were done since the rate was last measured that it is uncertain.
    """
    if config.time_budget is None or state.total_steps is None or state.step >= state.total_steps:
        return None
    if state.step - state.rate_step < FEW_STEPS:
        return None
    assert state.validate_every is not None
    left = state.total_steps - state.step
    validations = math.ceil(left / state.validate_every)
    end = state.seconds + left * _seconds_per_step(state) + validations * _validation_seconds(config, state)
    if abs(end - 60 * config.time_budget) <= DEVIATION * 60 * config.time_budget:
        return None
    return of_minutes(config, state, validations)


def set_plan(state: TrainState, plan: Budget) -> None:
    """The plan of a run at its beginning, or of one whose budget has another setting."""
    state.total_steps, state.validate_every = plan.total_steps, plan.validate_every
    state.schedule_total, state.corrected_at, state.schedule_place = None, 0, 0.0


def correct_plan(state: TrainState, plan: Budget) -> None:
    """Sets another plan for the rest of a run; the schedule of its learning rate continues from its current place."""
    place, length = _schedule_place(state, state.step), state.schedule_total or state.total_steps
    state.total_steps, state.validate_every = plan.total_steps, plan.validate_every
    state.schedule_total, state.corrected_at, state.schedule_place = length, state.step, place


def schedule_position(state: TrainState) -> tuple[int, int | None]:
    """The step of the next update in the schedule of the learning rate, and the number of steps of that schedule.

    They are the run's own until a correction. From there the schedule passes faster or slower, to end with the run: of 1,000
    steps planned and 700 from step 400 on, the last 300 are the schedule's steps 402, 404, ..., 1000.
    """
    return round(_schedule_place(state, state.step + 1)), state.schedule_total or state.total_steps


def _schedule_place(state: TrainState, step: int) -> float:
    if state.total_steps is None or state.schedule_total is None:
        return float(step)
    pace = (state.schedule_total - state.schedule_place) / max(1, state.total_steps - state.corrected_at)
    return state.schedule_place + pace * (step - state.corrected_at)


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
