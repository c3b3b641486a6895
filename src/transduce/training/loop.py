"""The training loop: updates until the budget is spent, validations and checkpoints on the way."""

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
from transduce.training.update import Measured, update

log = logging.getLogger(__name__)

LOG_EVERY = 20  # updates between training events in the metrics log
SKIPS_ALLOWED = 5  # updates in a row that may fail to be finite
SAVE_SECONDS = 15 * 60.0  # after which a checkpoint is written between validations: a kill loses no more than that


class Diverged(ValueError):
    """The loss stopped being finite, or no validation gave a number."""


def run(job: Job, state: TrainState, stop: StopRequest) -> bool:
    """Trains until the budget is spent (True) or somebody asks to stop (False); both end with a checkpoint.

    Raises Diverged where the loss stops being finite; the checkpoints stay as they were. And where the budget is spent
    and no validation gave a number, so that there is no model.
    """
    settled = _reckon(job, state)
    if settled and not is_over(job.trainable.config, state):
        log.info("planned: %d steps", state.total_steps)
    _note_warm_up(job, state)
    if selection.is_stale(job.trainable.config, state):
        log.info(
            "early stopping ended this run at step %d; to continue, raise training.early-stop.patience", state.step
        )
    elif is_over(job.trainable.config, state) and not _is_due(job, state):
        log.info("the budget (%s) was used up at step %d; to continue, give a larger one", state.budget, state.step)
    progress = Progress(state, job.unit)
    try:
        _validate_when_due(job, state, stop)  # a validation that the last sitting did not finish
        saved = time.monotonic()
        for batches in _grouped(job, state):
            if stop or is_over(job.trainable.config, state):
                break
            _timed_update(job, state, batches, progress)
            _validate_when_due(job, state, stop)
            saved = _save_when_due(job, state, saved)
        finished = is_over(job.trainable.config, state) and not _is_due(job, state)
        if finished and state.best is None:
            raise Diverged(f"training diverged: no validation up to step {state.step} gave a number; {_advice(job)}")
        if not finished:
            _leave(job, state)
        return finished
    finally:
        progress.close()


def _leave(job: Job, state: TrainState) -> None:
    """Saves where the run stands, and a model to try if there is none yet."""
    if checkpoints.name_of(state.step) not in checkpoints.names(job.checkpoints):
        _save(job, state)
    if state.best is None:
        job.publish(state, job.trainable.masters.tensors(), {})


def _save_when_due(job: Job, state: TrainState, saved: float) -> float:
    """Writes a checkpoint where the last one, written at `saved`, is old. Returns when the newest was written."""
    now = time.monotonic()
    if state.validated_at == state.step:  # which ends with a checkpoint
        return now
    if state.skipped or now - saved < SAVE_SECONDS:
        return saved
    _save(job, state)
    return now


def _grouped(job: Job, state: TrainState) -> Iterator[list[Rows]]:
    """The batches of one update after the other, from where the state stands."""
    batches = job.loader.from_position(state.epoch, state.position)
    while True:
        yield list(islice(batches, job.trainable.config.accumulate))


def _timed_update(job: Job, state: TrainState, batches: list[Rows], progress: Progress) -> None:
    began = time.perf_counter()
    pieces = state.pieces
    measured = update(job.trainable, batches, state)
    state.epoch, state.position = batches[-1].epoch, batches[-1].position + 1
    seconds = time.perf_counter() - began
    state.seconds += seconds
    if state.pieces != pieces:
        log.warning("out of memory: each batch is now split into %d micro-batches", state.pieces)
    if not measured.made:
        _note_skip(job, state, measured)
        return
    state.skipped = 0
    state.step += 1
    state.target_tokens += measured.tokens
    budget.note_first(state)
    if job.moving is not None:
        job.moving.follow(state.step)
    progress.show(state, measured, seconds)
    if state.step % LOG_EVERY == 0 or state.step == 1:
        job.log.write("train", state.step, _event(measured, seconds))


def _event(measured: Measured, seconds: float) -> dict[str, float | str]:
    return {
        "loss": measured.loss,
        "nll": measured.nll,
        "learning-rate": measured.learning_rate,
        "gradient-norm": measured.gradient_norm,
        "tokens-per-second": measured.tokens / seconds,
    }


def _note_skip(job: Job, state: TrainState, measured: Measured) -> None:
    """Counts an update that was not made; too many in a row end the run, and the last checkpoint stays as it is."""
    state.skipped += 1
    found = f"loss {measured.loss}, gradient norm {measured.gradient_norm}"
    job.log.write("skipped", state.step, {"found": found})
    log.warning("step %d: %s; update skipped", state.step + 1, found)
    if state.skipped < SKIPS_ALLOWED:
        return
    kept = checkpoints.names(job.checkpoints)
    good = f"the last good state is {job.checkpoints / kept[-1]}" if kept else "no checkpoint had been written yet"
    raise Diverged(
        f"training diverged at step {state.step + 1}: {state.skipped} updates in a row were not finite ({found}); {good}; "
        f"{_advice(job)}"
    )


def _advice(job: Job) -> str:
    rate = job.trainable.config.learning_rate
    return f"begin a new run with a lower training.learning-rate (now {rate}) or a longer warm-up"


def _validate_when_due(job: Job, state: TrainState, stop: StopRequest) -> None:
    """Validates and saves; after the probe of a run of minutes it also plans the number of steps."""
    if not _is_due(job, state):
        return
    try:
        selection.validate(job, state, stop)
    except Interrupted:
        return
    if state.total_steps is None and budget.probe_is_over(job.trainable.config, state):
        _settle(state, budget.of_minutes(job.trainable.config, state))
        log.info("planned: %d steps", state.total_steps)
        _note_warm_up(job, state)
    if selection.is_stale(job.trainable.config, state):
        log.info("early stopping: no better %s in %d validations", job.trainable.config.watched, state.stale)
    _save(job, state)


def _note_warm_up(job: Job, state: TrainState) -> None:
    """Logs a warm-up that the budget makes shorter than the setting."""
    asked = job.trainable.config.schedule.warmup
    taken = schedules.within(asked, state.total_steps)
    if taken < asked:
        log.info("warm-up: %d steps, half of this run, instead of %d", taken, asked)


def is_over(config: TrainingConfig, state: TrainState) -> bool:
    """Whether the budget is spent, or early stopping has ended the run."""
    return selection.is_stale(config, state) or (state.total_steps is not None and state.step >= state.total_steps)


def _is_due(job: Job, state: TrainState) -> bool:
    """Whether this step is one to validate at, and has not been validated."""
    if state.skipped or state.validated_at == state.step:
        return False
    if state.validated_at < 0:
        return True
    if state.total_steps is None:
        return budget.probe_is_over(job.trainable.config, state)
    assert state.validate_every is not None
    return is_over(job.trainable.config, state) or state.step - state.validated_at >= state.validate_every


def _save(job: Job, state: TrainState) -> None:
    """Writes a checkpoint, then removes those that are neither among the newest nor among the best."""
    trainable = job.trainable
    selection.forget_all_but_the_best(job, state)
    checkpoint = Checkpoint(
        weights=trainable.masters.state(),
        optimiser=trainable.optimiser.tensors(),
        random=checkpoints.random_states(),
        state=state,
        average=None if job.moving is None else job.moving.average,
    )
    checkpoints.save(job.checkpoints, checkpoint)
    newest = checkpoints.names(job.checkpoints)[-trainable.config.keep_last :]
    checkpoints.prune(job.checkpoints, checkpoints.needed_by(job.checkpoints, {*newest, *state.scores}))
    job.draw()


def _reckon(job: Job, state: TrainState) -> bool:
    """Sets the number of steps where the budget says it; one of minutes stays open until the rate is known. Returns
    whether minutes became a number of steps here.
    """
    config = job.trainable.config
    changed = state.budget != budget.name(config)
    if changed:
        state.budget, state.total_steps, state.validate_every = budget.name(config), None, None
    counted = budget.counted(config, len(job.loader.plan(0)))
    if counted is not None:
        _settle(state, counted)
    elif changed and state.last_validation and budget.probe_is_over(config, state):
        _settle(state, budget.of_minutes(config, state))
        return True
    return False


def _settle(state: TrainState, settled: budget.Budget) -> None:
    state.total_steps, state.validate_every = settled.total_steps, settled.validate_every
