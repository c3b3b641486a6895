"""The loop on one weight: which checkpoint is the best, when it stops early, and what a kill loses."""

import math
from dataclasses import asdict
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

from transduce.data.loader import Loader, Rows
from transduce.training import checkpoints, loop
from transduce.training.averaging import MovingAverage
from transduce.training.config import EarlyStop, TrainingConfig
from transduce.training.interrupt import StopRequest
from transduce.training.job import Job, Validation
from transduce.training.losses import Loss
from transduce.training.metrics_log import MetricsLog
from transduce.training.optimisers import Adam
from transduce.training.precision import MasterWeights
from transduce.training.schedules import Constant
from transduce.training.state import TrainState
from transduce.training.training_step import TrainingStep
from transduce.training.update import Trainable
from transduce.workflows.train.run_folder import restored


class Numbers(Loader):
    """Batch number p has p as its target."""

    def __init__(self) -> None:
        pass

    def plan(self, epoch):
        return [np.array([0])] * 100

    def from_position(self, epoch, position):
        for place in count(position):
            yield Rows(0, place, {"number": [np.array([place], dtype=np.int32)]}, np.array([0]))


def job(folder, found=(), fails_at=math.inf, **settings) -> Job:
    """Validations find `found` one after the other, as exact-match and dev loss, then always the same."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    network = nn.Linear(1, 1, bias=False)
    results, calls = [*found], count(1)

    def loss(network, number, smoothing):
        assert next(calls) < fails_at, "killed"
        drawn = torch.rand(())  # a run that goes on must draw what it would have drawn
        total = (network.weight.flatten() - number * drawn).square().sum()
        return Loss(total, 1, {"nll": total.detach()})

    def validate(stop):
        match, dev_loss = results.pop(0) if results else (0.5, 1.0)
        return Validation({"loss": dev_loss, "exact-match": match}, "")

    usual = {"steps": 12, "validate_every": 3, "metric": "exact-match", "ema": 0.9, "precision": "float32"}
    config = TrainingConfig(**(usual | {"schedule": Constant()} | settings))
    masters = MasterWeights(network, torch.float32)
    return Job(
        trainable=Trainable(
            TrainingStep(network, loss),
            lambda rows: torch.tensor(float(rows.columns["number"][0][0])),
            masters,
            Adam().build(masters.named, ()),
            config,
        ),
        moving=None if config.ema is None else MovingAverage(masters, config.ema),
        loader=Numbers(),
        checkpoints=folder / "checkpoints",
        log=MetricsLog(folder, 0),
        validate=validate,
        higher_is_better=lambda name: name == "exact-match",
        publish=lambda state, weights, values: None,
        draw=lambda: None,
    )


def end(folder) -> tuple[dict, dict]:
    """State, but for the time spent, and weights, optimiser, generators and average of the newest checkpoint."""
    newest = checkpoints.load_newest(folder / "checkpoints")
    state = {name: value for name, value in asdict(newest.state).items() if "seconds" not in name}
    state.pop("last_validation")
    parts = (newest.weights, newest.optimiser, newest.random, newest.average)
    return state, {(n, name): held.tolist() for n, part in enumerate(parts) for name, held in part.items()}


def test_checkpoints_between_validations_change_nothing_and_do_not_pile_up(tmp_path, monkeypatch):
    found = [(0.1, 1.0), (0.9, 1.0), (0.1, 1.0), (0.1, 1.0)] * 2  # of two weights each: step 3 has the best
    settings = {"average_last": 1, "keep_last": 2}
    assert loop.run(job(tmp_path / "plain", found, **settings), TrainState(), StopRequest())
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    written, save = [], checkpoints.save
    monkeypatch.setattr(
        checkpoints, "save", lambda *arguments: (written.append(arguments[1].state.step), save(*arguments))[1]
    )
    assert loop.run(job(tmp_path / "often", found, **settings), TrainState(), StopRequest())
    assert written == list(range(1, 13))
    assert end(tmp_path / "often") == end(tmp_path / "plain")
    assert checkpoints.names(tmp_path / "often/checkpoints") == ["step-00000003", "step-00000011", "step-00000012"]


def test_checkpoints_are_written_when_the_last_one_is_old(tmp_path, monkeypatch):
    """Each update takes seven minutes; a validation writes one too."""
    now, update = 0.0, loop.update

    def slow(*arguments):
        nonlocal now
        now += 7 * 60
        return update(*arguments)

    monkeypatch.setattr(loop, "update", slow)
    monkeypatch.setattr(loop.time, "monotonic", lambda: now)
    loop.run(job(tmp_path, steps=9, validate_every=5, keep_last=9), TrainState(), StopRequest())
    assert checkpoints.names(tmp_path / "checkpoints") == [f"step-{n:08d}" for n in (3, 5, 8, 9)]


def test_a_killed_run_goes_on_from_a_checkpoint_between_validations_to_the_same_end(tmp_path, monkeypatch):
    loop.run(job(tmp_path / "whole", validate_every=6), TrainState(), StopRequest())
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    with pytest.raises(AssertionError, match="killed"):
        loop.run(job(tmp_path / "killed", validate_every=6, fails_at=6), TrainState(), StopRequest())
    again = job(tmp_path / "killed", validate_every=6)
    found = checkpoints.load_newest(again.checkpoints)
    assert found.state.step == 5 and found.state.best is None
    state = restored(found, again.trainable.masters, again.trainable.optimiser, again.moving)
    assert loop.run(again, state, StopRequest())
    assert end(tmp_path / "killed") == end(tmp_path / "whole")


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ([(0.0, 3.0), (0.0, 1.0), (0.0, 2.0), (0.0, 1.0)], 6),  # of equal scores the lower loss, then the earlier
        ([(0.0, 3.0), (0.0, 1.0), (0.1, 9.0), (0.0, 0.5)], 9),  # a better score counts first
        ([(0.0, 1.0), (0.0, 0.99999), (0.0, 1.0), (0.0, 1.0)], 3),  # what rounding errors make is no difference
    ],
)
def test_of_equal_scores_the_lower_loss_is_the_best(tmp_path, found, best):
    state = TrainState()
    loop.run(job(tmp_path, found, ema=None, keep_last=1), state, StopRequest())
    assert state.best == checkpoints.name_of(best)
    assert state.scores.keys() == state.losses.keys() == {state.best}
    assert set(checkpoints.names(tmp_path / "checkpoints")) == {state.best, "step-00000012"}


def test_of_equal_weights_of_one_validation_the_lower_loss_is_the_best(tmp_path):
    state = TrainState()
    loop.run(job(tmp_path, [(0.0, 2.0), (0.0, 1.0)], steps=3), state, StopRequest())
    assert state.best_weights == "ema" and state.last_tried == 2


def test_early_stopping_waits_while_the_loss_falls(tmp_path):
    """Exact-match stays 0: at step 9 for the second time the loss is no lower either."""
    state, found = TrainState(), [(0.0, 3.0), (0.0, 2.0), (0.0, 2.0), (0.0, 2.5), (0.0, 1.0)]
    stopping = {"early_stop": EarlyStop(patience=2), "ema": None, "steps": 30}
    assert loop.run(job(tmp_path, found, **stopping), state, StopRequest())
    assert (state.step, state.watched, state.watched_loss) == (12, 0.0, 2.0)


def test_the_state_of_an_earlier_version_goes_on(tmp_path):
    """It kept scores without losses: a tie with one that has a loss is lost."""
    saved = asdict(TrainState(step=3, position=3, validated_at=3, best="step-00000003", scores={"step-00000003": 0.0}))
    for name in ("last_tried", "first_steps", "first_seconds", "losses", "watched_loss"):
        saved.pop(name)
    state = TrainState(**saved)
    loop.run(job(tmp_path, [(0.0, 5.0)] * 3, ema=None), state, StopRequest())
    assert state.best == "step-00000006"


def test_a_run_of_minutes_keeps_the_time_of_its_first_updates(tmp_path):
    state = TrainState()
    minutes = {"steps": None, "minutes": 0.001, "validate_every": None}
    assert loop.run(job(tmp_path, **minutes), state, StopRequest())
    assert 1 <= state.first_steps <= 5 and state.first_seconds > 0.0
    counted = TrainState()
    loop.run(job(tmp_path / "counted"), counted, StopRequest())
    assert (counted.first_steps, counted.first_seconds) == (0, 0.0)
