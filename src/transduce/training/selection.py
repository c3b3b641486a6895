"""Which weights become the model: each validation compares the weights with their means, and with all before it."""

import logging
import math
import time
from collections.abc import Iterable
from typing import NamedTuple

from transduce.training import checkpoints
from transduce.training.averaging import WEIGHTS, Candidate, Weights, candidates
from transduce.training.config import TrainingConfig
from transduce.training.interrupt import StopRequest
from transduce.training.job import Job, Validation
from transduce.training.state import TrainState

log = logging.getLogger(__name__)

LOSS_DIGITS = 4  # of the dev loss, where it decides between equals: below is what rounding errors make


class Validated(NamedTuple):
    """A candidate, and what its validation found."""

    name: str
    weights: Weights
    found: Validation


def validate(job: Job, state: TrainState, stop: StopRequest) -> None:
    """Measures on the dev set, logs, and publishes the model if it is the best so far.

    May raise Interrupted, before anything of the state has changed.
    """
    began = time.perf_counter()
    config, name = job.trainable.config, checkpoints.name_of(state.step)
    tried = candidates(config, job.trainable.masters, job.moving, state, job.checkpoints)
    compared = _compared(job, stop, tried)
    best = max(compared, key=lambda each: _standing(job, config.metric, each.found))  # of equal ones the first
    values = compared[0].found.values | {
        f"{config.metric} ({each.name})": each.found.values[config.metric] for each in compared[1:]
    }
    job.log.write("validation", state.step, dict(values))
    job.log.text("samples", state.step, best.found.samples)
    log.info("step %d: %s", state.step, "  ".join(f"{key} {value:.3f}" for key, value in values.items()))
    if best.found.samples:
        log.info("%s", best.found.samples)
    state.validated_at = state.step
    _watch(job, state, compared)
    score = best.found.values[config.metric]
    if not math.isnan(score):
        state.scores[name], state.losses[name] = score, _dev_loss(best.found)
        if ranked(job, state)[0] == name:
            state.best, state.best_weights = name, best.name
            job.publish(state, best.weights, best.found.values)
    if config.average_last > 1:
        state.snapshots = [*state.snapshots, name][1 - config.average_last :]
    state.last_tried = len(compared)
    state.last_validation = time.perf_counter() - began
    state.seconds += state.last_validation
    state.validation_seconds += state.last_validation


def _compared(job: Job, stop: StopRequest, tried: Iterable[Candidate]) -> list[Validated]:
    found = []
    for candidate in tried:
        with job.trainable.masters.shown_as(candidate.weights):
            found.append(Validated(candidate.name, candidate.weights, job.validate(stop)))
    return found


def _standing(job: Job, metric: str, found: Validation) -> tuple[float, float]:
    """What is better is greater: by the metric, and where that is equal by the dev loss."""
    return _worth(job, metric, found), -_dev_loss(found)


def _dev_loss(found: Validation) -> float:
    return round(found.values["loss"], LOSS_DIGITS)


def _worth(job: Job, metric: str, found: Validation) -> float:
    """The value of a metric such that more is better; what is no number is worst."""
    value = _sign(job, metric) * found.values[metric]
    return -math.inf if math.isnan(value) else value


def _sign(job: Job, metric: str) -> float:
    return 1.0 if job.higher_is_better(metric) else -1.0


def _watch(job: Job, state: TrainState, compared: list[Validated]) -> None:
    """Counts validations in which what early stopping watches did not get better."""
    metric = job.trainable.config.watched
    if metric is None:
        return
    worth, loss = now = max(_standing(job, metric, each.found) for each in compared)
    if state.watched is None or now > (state.watched, -state.watched_loss):
        state.watched, state.watched_loss, state.stale = worth, -loss, 0
    else:
        state.stale += 1


def chosen(job: Job, state: TrainState) -> str:
    """Which weights are the model, in words."""
    if state.best is None:
        return f"the weights of step {state.step}, not validated"
    named, step = WEIGHTS[state.best_weights], checkpoints.step_of(state.best)
    begun = "" if step else ", which it began with"
    metric = job.trainable.config.metric
    return f"{named} at step {step}{begun}, with {metric} {state.scores[state.best]:.4g} on the dev set"


def is_stale(config: TrainingConfig, state: TrainState) -> bool:
    """Whether early stopping ends the run."""
    return config.early_stop is not None and state.stale >= config.early_stop.patience


def ranked(job: Job, state: TrainState) -> list[str]:
    """Validated checkpoints, best first; of equal ones that with the lower dev loss, then the earlier."""
    sign = _sign(job, job.trainable.config.metric)
    losses = dict.fromkeys(state.scores, math.inf) | state.losses  # earlier versions kept none
    return sorted(state.scores, key=lambda name: (-sign * state.scores[name], losses[name], name))


def forget_all_but_the_best(job: Job, state: TrainState) -> None:
    """Leaves the scores of as many checkpoints as are kept for being the best."""
    kept = ranked(job, state)[: job.trainable.config.keep_best]
    state.scores = {name: state.scores[name] for name in kept}
    state.losses = {name: state.losses[name] for name in kept if name in state.losses}
