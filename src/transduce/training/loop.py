"""The training loop: updates until the budget is spent, with validations and checkpoints."""

import logging
import time
from collections.abc import Iterator
from itertools import islice

from transduce.data.loader import Rows
from transduce.training import budget, checkpoints, schedules, selection
from transduce.training.checkpoints import Checkpoint
from transduce.training.config import TrainingConfig
from transduce.training.interrupt import Interrupted, StopRequest
from transduce.training.job import Job
from transduce.training.progress_line import Progress
from transduce.training.state import TrainState
from transduce.training.update import UpdateResult, update

log = logging.getLogger(__name__)

LOG_EVERY = 20  # updates between training events in the metrics log
MAX_SKIPS = 5  # updates in a row that are not finite, after which the run ends
SAVE_SECONDS = 15 * 60.0  # between checkpoints, whatever the validations: a kill loses no more than that


class Diverged(ValueError):
    """The loss is no longer finite, or no validation gave a number."""


def run(job: Job, state: TrainState, stop: StopRequest) -> bool:
    """Trains until the budget is spent (True) or a request to stop (False).

    Both end with a checkpoint, unless the weights have diverged at the last validation. Raises Diverged where the loss is no
    longer finite (the checkpoints stay as they are), and at the end of a run in which no validation gave a number.
    """
    log.info("budget: %s", budget.describe(job.trainable.config, state))
    has_new_plan = _plan_steps(job, state)
    if has_new_plan and not is_over(job.trainable.config, state):
        log.info("planned: %d steps", state.total_steps)
    _note_warm_up(job, state)
    if selection.is_stale(job.trainable.config, state):
        log.info(
            "early stopping ended this run at step %d; to continue, raise training.early-stop.patience", state.step
        )
    elif is_over(job.trainable.config, state) and not _is_due(job, state):
        log.info("the budget (%s) was used up at step %d; to continue, give a larger one", state.budget, state.step)
    progress = Progress(state, job.unit, job.figures)
    try:
        _validate_when_due(job, state, stop)  # one that the last sitting did not finish
        last_save = time.monotonic()
        for batches in _update_batches(job, state):
            if stop or is_over(job.trainable.config, state):
                break
            _one_update(job, state, batches, progress)
            _validate_when_due(job, state, stop)
            last_save = _save_when_due(job, state, last_save)
        finished = is_over(job.trainable.config, state) and not _is_due(job, state)
        if finished and state.best is None:
            raise Diverged(f"training diverged: no validation up to step {state.step} gave a number; {_advice(job)}")
        if not finished:
            _leave(job, state)
    finally:
        progress.close()
    log.info("model: %s", selection.describe(job, state))
    return finished


def _leave(job: Job, state: TrainState) -> None:
    """Saves the state of an unfinished run, and a model to try if there is none yet."""
    if checkpoints.name_of(state.step) not in checkpoints.names(job.checkpoints):
        _save(job, state)
    if state.best is None:
        job.publish(state, job.trainable.masters.tensors(), {})


def _save_when_due(job: Job, state: TrainState, last_save: float) -> float:
    """Writes a checkpoint where the one of time `last_save` is old. Returns the time of the newest."""
    now = time.monotonic()
    if state.validated_at == state.step:  # a validation saves, unless the weights have diverged
        return now
    if state.skips or now - last_save < SAVE_SECONDS:
        return last_save
    _save(job, state)
    return now


def _update_batches(job: Job, state: TrainState) -> Iterator[list[Rows]]:
    """The batches of each update, from the position of `state`."""
    batches = job.loader.from_position(state.epoch, state.position)
    while True:
        yield list(islice(batches, job.trainable.config.accumulate))


def _one_update(job: Job, state: TrainState, batches: list[Rows], progress: Progress) -> None:
    start = time.perf_counter()
    pieces = state.pieces
    result = update(job.trainable, batches, state)
    state.epoch, state.position = batches[-1].epoch, batches[-1].position + 1
    seconds = time.perf_counter() - start
    state.seconds += seconds
    if state.pieces != pieces:
        log.warning("out of memory: each batch is now split into %d micro-batches", state.pieces)
    if not result.finite:
        _note_skip(job, state, result)
        return
    state.skips = 0
    state.step += 1
    state.target_tokens += result.units
    budget.note_first(state)
    if job.moving is not None:
        job.moving.follow(state.step)
    if result.units == 0:  # its means are undefined
        return
    progress.show(state, result, seconds)
    if state.step % LOG_EVERY == 0 or state.step == 1:
        job.log.write("train", state.step, _event(result, seconds))


def _event(result: UpdateResult, seconds: float) -> dict[str, float | str]:
    return {
        "loss": result.loss,
        "objective": result.objective,
        "learning-rate": result.learning_rate,
        "gradient-norm": result.gradient_norm,
        "tokens-per-second": result.units / seconds,
    }


def _note_skip(job: Job, state: TrainState, result: UpdateResult) -> None:
    """Counts an update without a step. Too many in a row end the run; the checkpoints stay as they are."""
    state.skips += 1
    figures = f"objective {result.objective}, gradient norm {result.gradient_norm}"
    job.log.write("skipped", state.step, {"figures": figures})
    log.warning("step %d: %s; update skipped", state.step + 1, figures)
    if state.skips < MAX_SKIPS:
        return
    # not the newest: its weights may have diverged already
    best = f"the best checkpoint is {job.checkpoints / state.best}" if state.best else "no validation gave a number yet"
    raise Diverged(
        f"training diverged at step {state.step + 1}: {state.skips} updates in a row were not finite ({figures}); {best}; "
        f"{_advice(job)}"
    )


def _advice(job: Job) -> str:
    rate = job.trainable.config.learning_rate
    return f"begin a new run with a lower training.learning-rate (now {rate}) or a longer warm-up"


def _validate_when_due(job: Job, state: TrainState, stop: StopRequest) -> None:
    """Validates, and saves unless the weights have diverged; plans the steps of a run of minutes after its probe, and again
    where its machine has another speed.
    """
    if not _is_due(job, state):
        return
    try:
        finite = selection.validate(job, state, stop)
    except Interrupted:
        return
    if state.total_steps is None and budget.probe_is_over(job.trainable.config, state):
        budget.set_plan(state, budget.of_minutes(job.trainable.config, state))
        log.info("planned: %d steps", state.total_steps)
        _note_warm_up(job, state)
    elif plan := budget.correction(job.trainable.config, state):
        _correct(state, plan)
    budget.note_validation(job.trainable.config, state)
    if selection.is_stale(job.trainable.config, state):
        log.info("early stopping: no better %s in %d validations", job.trainable.config.stop_metric, state.stale)
    if finite:
        _save(job, state)


def _correct(state: TrainState, plan: budget.Budget) -> None:
    assert state.total_steps is not None
    speed = "slower" if plan.total_steps < state.total_steps else "faster"
    if plan.total_steps != state.total_steps:
        log.info(
            "planned: %s steps instead of %s: the machine is %s now",
            f"{plan.total_steps:,}",
            f"{state.total_steps:,}",
            speed,
        )
    budget.correct_plan(state, plan)


def _note_warm_up(job: Job, state: TrainState) -> None:
    """Logs a warm-up that the budget makes shorter than the setting."""
    setting = job.trainable.config.schedule.warmup
    steps = schedules.within(setting, state.total_steps)
    if steps < setting:
        log.info("warm-up: %d steps, half of this run, instead of %d", steps, setting)


def is_over(config: TrainingConfig, state: TrainState) -> bool:
    """Whether the budget is spent, or early stopping has ended the run."""
    return selection.is_stale(config, state) or (state.total_steps is not None and state.step >= state.total_steps)


def _is_due(job: Job, state: TrainState) -> bool:
    """Whether to validate at this step."""
    if state.skips or state.validated_at == state.step:
        return False
    if state.validated_at < 0:
        return True
    if state.total_steps is None:
        return budget.probe_is_over(job.trainable.config, state)
    assert state.validate_every is not None
    return is_over(job.trainable.config, state) or state.step - state.validated_at >= state.validate_every


def _save(job: Job, state: TrainState) -> None:
    """Writes a checkpoint, then removes all but the newest, the best and those that their means need."""
    trainable = job.trainable
    selection.forget_all_but_the_best(job, state)
    checkpoint = Checkpoint(
        weights=trainable.masters.state(),
        optimiser=trainable.optimiser.tensors(),
        random=checkpoints.random_states(job.device),
        state=state,
        average=None if job.moving is None else job.moving.average,
    )
    checkpoints.save(job.checkpoints, checkpoint)
    newest = checkpoints.names(job.checkpoints)[-trainable.config.keep_last :]
    checkpoints.prune(job.checkpoints, checkpoints.with_snapshots(job.checkpoints, {*newest, *state.scores}))
    job.draw()


def _plan_steps(job: Job, state: TrainState) -> bool:
    """Sets the number of steps where the budget gives it. One in minutes stays open until the rate is known.

    Returns whether minutes became a number of steps here.
    """
    config = job.trainable.config
    is_new = state.budget != budget.name(config)
    if is_new:
        state.budget, state.total_steps, state.validate_every = budget.name(config), None, None
    steps = budget.in_steps(config, len(job.loader.plan(0)))
    if steps is not None:
        budget.set_plan(state, steps)
    elif is_new and state.last_validation and budget.probe_is_over(config, state):
        budget.set_plan(state, budget.of_minutes(config, state))
        return True
    return False
