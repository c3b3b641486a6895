"""Selects the weights that become the model: a validation compares the weights, their means and all earlier checkpoints."""

import logging
import math
import time
from typing import NamedTuple

from transduce.training import checkpoints
from transduce.training.averaging import WEIGHTS, Weights, candidates
from transduce.training.config import TrainingConfig
from transduce.training.interrupt import StopRequest
from transduce.training.job import Job, Validation
from transduce.training.state import TrainState

log = logging.getLogger(__name__)

LOSS_DIGITS = 4  # of the dev loss, which breaks ties: further digits are rounding errors


class CandidateResult(NamedTuple):
    """A candidate and its validation."""

    name: str
    weights: Weights
    validation: Validation


def validate(job: Job, state: TrainState, stop: StopRequest) -> bool:
    """Measures on the dev set, logs, and publishes the model if it is the best so far.

    Returns False where no candidate has a finite dev loss: the weights have diverged. May raise Interrupted, before anything
    of the state has changed.
    """
    start = time.perf_counter()
    config, name = job.trainable.config, checkpoints.name_of(state.step)
    results = _results(job, state, stop)
    best = max(results, key=lambda result: _standing(job, config.metric, result.validation))  # the first of a tie
    values = results[0].validation.values | {
        f"{config.metric} ({result.name})": result.validation.values[config.metric] for result in results[1:]
    }
    job.log.write("validation", state.step, dict(values))
    job.log.text("samples", state.step, best.validation.samples)
    log.info("step %d: %s", state.step, "  ".join(f"{key} {value:.3f}" for key, value in values.items()))
    if best.validation.samples:
        log.info("%s", best.validation.samples)
    state.validated_at = state.step
    _watch(job, state, results)
    score = best.validation.values[config.metric]
    if not math.isnan(score):
        state.scores[name], state.losses[name] = score, _dev_loss(best.validation)
        if ranking(job, state)[0] == name:
            state.best, state.best_weights = name, best.name
            job.publish(state, best.weights, best.validation.values)
    finite = any(math.isfinite(result.validation.values["loss"]) for result in results)
    if config.average_last > 1 and finite:
        state.snapshots = [*state.snapshots, name][1 - config.average_last :]
    state.last_candidates = len(results)
    state.last_validation = time.perf_counter() - start
    state.seconds += state.last_validation
    state.validation_seconds += state.last_validation
    return finite


def _results(job: Job, state: TrainState, stop: StopRequest) -> list[CandidateResult]:
    results = []
    for candidate in candidates(job.trainable.config, job.trainable.masters, job.moving, state, job.checkpoints):
        with job.trainable.masters.swap_in(candidate.weights):
            results.append(CandidateResult(candidate.name, candidate.weights, job.validate(stop)))
    return results


def _standing(job: Job, metric: str, validation: Validation) -> tuple[float, float]:
    """Greater is better: by the metric, then by the dev loss."""
    return _worth(job, metric, validation), -_dev_loss(validation)


def _dev_loss(validation: Validation) -> float:
    return round(validation.values["loss"], LOSS_DIGITS)


def _worth(job: Job, metric: str, validation: Validation) -> float:
    """The value of a metric, with its sign changed where less is better. NaN ranks last."""
    value = _sign(job, metric) * validation.values[metric]
    return -math.inf if math.isnan(value) else value


def _sign(job: Job, metric: str) -> float:
    return 1.0 if job.higher_is_better(metric) else -1.0


def _watch(job: Job, state: TrainState, results: list[CandidateResult]) -> None:
    """Counts the validations since the metric of early stopping was best."""
    metric = job.trainable.config.stop_metric
    if metric is None:
        return
    worth, loss = now = max(_standing(job, metric, result.validation) for result in results)
    if state.stop_score is None or now > (state.stop_score, -state.stop_loss):
        state.stop_score, state.stop_loss, state.stale = worth, -loss, 0
    else:
        state.stale += 1


def describe(job: Job, state: TrainState) -> str:
    """The weights of the model in words: `the weights at step 300, with loss 2.1 on the dev set`."""
    if state.best is None:
        return f"the weights of step {state.step}, not validated"
    metric = job.trainable.config.metric
    weights, step = WEIGHTS[state.best_weights], checkpoints.step_of(state.best)
    origin = "" if step else ", the start of the run"
    return f"{weights} at step {step}{origin}, with {metric} {state.scores[state.best]:.4g} on the dev set"


def is_stale(config: TrainingConfig, state: TrainState) -> bool:
    """Whether early stopping ends the run."""
    return config.early_stop is not None and state.stale >= config.early_stop.patience


def ranking(job: Job, state: TrainState) -> list[str]:
    """Validated checkpoints, best first; ties go to the lower dev loss, then to the earlier checkpoint."""
    sign = _sign(job, job.trainable.config.metric)
    losses = dict.fromkeys(state.scores, math.inf) | state.losses  # earlier versions stored no losses
    return sorted(state.scores, key=lambda name: (-sign * state.scores[name], losses[name], name))


def forget_all_but_the_best(job: Job, state: TrainState) -> None:
    """Drops the scores of all but `keep-best` checkpoints."""
    best = ranking(job, state)[: job.trainable.config.keep_best]
    state.scores = {name: state.scores[name] for name in best}
    state.losses = {name: state.losses[name] for name in best if name in state.losses}
