"""The loop on one weight: the best checkpoint, early stopping, kills, divergence."""

import itertools
import math
import re
from dataclasses import asdict, replace
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

from transduce.data.loader import Loader, Rows
from transduce.training import checkpoints, loop, metrics_log, progress_line
from transduce.training.averaging import MovingAverage
from transduce.training.config import EarlyStop, TrainingConfig
from transduce.training.interrupt import StopRequest
from transduce.training.job import Job, Validation
from transduce.training.losses import Loss
from transduce.training.metrics_log import MetricsLog
from transduce.training.optimisers import Adam
from transduce.training.precision import MasterWeights
from transduce.training.schedules import Constant, Linear
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


def job(folder, validations=(), fails_at=math.inf, diverges_at=math.inf, weight=1, **settings) -> Job:
    """`validations` are exact-match and dev loss of one after the other; later ones are all alike."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    network = nn.Linear(1, 1, bias=False)
    results, calls = [*validations], count(1)

    def loss(network, number, smoothing):
        call = next(calls)
        assert call < fails_at, "killed"
        noise = torch.rand(())  # a resumed run must draw the same
        total = (network.weight.flatten() - number * noise).square().sum()
        if call >= diverges_at:
            total = total * math.nan
        return Loss(total, weight, {"nll": total.detach()})

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
            Adam().build(masters.parameters, ()),
            config,
        ),
        moving=None if config.ema is None else MovingAverage(masters, config.ema),
        device="cpu",
        loader=Numbers(),
        checkpoints=folder / "checkpoints",
        log=MetricsLog(folder, 0),
        validate=validate,
        higher_is_better=lambda name: name == "exact-match",
        publish=lambda state, weights, values: None,
        draw=lambda: None,
        figures=lambda nll: {},
        unit="numbers",
    )


def end(folder) -> tuple[dict, dict]:
    """State, but for the time spent, and weights, optimiser, generators and average of the newest checkpoint."""
    newest = checkpoints.load_newest(folder / "checkpoints")
    state = {name: value for name, value in asdict(newest.state).items() if "seconds" not in name}
    state.pop("last_validation")
    parts = (newest.weights, newest.optimiser, newest.random, newest.average)
    return state, {(n, name): tensor.tolist() for n, part in enumerate(parts) for name, tensor in part.items()}


def test_checkpoints_between_validations_change_nothing_and_do_not_pile_up(tmp_path, monkeypatch):
    validations = [(0.1, 1.0), (0.9, 1.0), (0.1, 1.0), (0.1, 1.0)] * 2  # of two weights each: step 3 has the best
    settings = {"average_last": 1, "keep_last": 2}
    assert loop.run(job(tmp_path / "plain", validations, **settings), TrainState(), StopRequest())
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    steps, save = [], checkpoints.save
    monkeypatch.setattr(
        checkpoints, "save", lambda *arguments: (steps.append(arguments[1].state.step), save(*arguments))[1]
    )
    assert loop.run(job(tmp_path / "often", validations, **settings), TrainState(), StopRequest())
    assert steps == list(range(1, 13))
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
    newest = checkpoints.load_newest(again.checkpoints)
    assert newest.state.step == 5 and newest.state.best is None
    state = restored(newest, again.trainable.masters, again.trainable.optimiser, again.moving, "cpu")
    assert loop.run(again, state, StopRequest())
    assert end(tmp_path / "killed") == end(tmp_path / "whole")


@pytest.mark.parametrize(
    ("validations", "best"),
    [
        ([(0.0, 3.0), (0.0, 1.0), (0.0, 2.0), (0.0, 1.0)], 6),  # a tie goes to the lower loss, then to the earlier
        ([(0.0, 3.0), (0.0, 1.0), (0.1, 9.0), (0.0, 0.5)], 9),  # a better score counts first
        ([(0.0, 1.0), (0.0, 0.99999), (0.0, 1.0), (0.0, 1.0)], 3),  # rounding errors are no difference
    ],
)
def test_a_tie_of_scores_goes_to_the_lower_loss(tmp_path, validations, best):
    state = TrainState()
    loop.run(job(tmp_path, validations, ema=None, keep_last=1), state, StopRequest())
    assert state.best == checkpoints.name_of(best)
    assert state.scores.keys() == state.losses.keys() == {state.best}
    assert set(checkpoints.names(tmp_path / "checkpoints")) == {state.best, "step-00000012"}


def test_a_tie_of_candidates_goes_to_the_lower_loss(tmp_path):
    state = TrainState()
    loop.run(job(tmp_path, [(0.0, 2.0), (0.0, 1.0)], steps=3), state, StopRequest())
    assert state.best_weights == "ema" and state.last_candidates == 2


def test_early_stopping_waits_while_the_loss_falls(tmp_path):
    """Exact-match stays 0: at step 9 for the second time the loss is no lower either."""
    state, validations = TrainState(), [(0.0, 3.0), (0.0, 2.0), (0.0, 2.0), (0.0, 2.5), (0.0, 1.0)]
    stopping = {"early_stop": EarlyStop(patience=2), "ema": None, "steps": 30}
    assert loop.run(job(tmp_path, validations, **stopping), state, StopRequest())
    assert (state.step, state.stop_score, state.stop_loss) == (12, 0.0, 2.0)


def test_the_state_of_an_earlier_version_goes_on(tmp_path):
    """It kept scores without losses: a tie with one that has a loss is lost."""
    fields = asdict(TrainState(step=3, position=3, validated_at=3, best="step-00000003", scores={"step-00000003": 0.0}))
    for name in ("last_candidates", "first_steps", "first_seconds", "losses", "stop_loss"):
        fields.pop(name)
    state = TrainState(**fields)
    loop.run(job(tmp_path, [(0.0, 5.0)] * 3, ema=None), state, StopRequest())
    assert state.best == "step-00000006"


def test_a_run_of_minutes_keeps_the_time_of_its_first_updates(tmp_path):
    state = TrainState()
    minutes = {"steps": None, "minutes": 0.001, "validate_every": None}
    assert loop.run(job(tmp_path, **minutes), state, StopRequest())
    assert 1 <= state.first_steps <= 5 and state.first_seconds > 0.0
    in_steps = TrainState()
    loop.run(job(tmp_path / "steps"), in_steps, StopRequest())
    assert (in_steps.first_steps, in_steps.first_seconds) == (0, 0.0)


NAN = (math.nan, math.nan)


def test_the_error_of_a_diverged_run_names_the_best_checkpoint_not_the_newest(tmp_path):
    best = re.escape(str(tmp_path / "checkpoints/step-00000003"))
    with pytest.raises(loop.Diverged, match=rf"5 updates in a row .* the best checkpoint is {best}; begin a new run"):
        loop.run(job(tmp_path, [(0.9, 1.0), (0.1, 2.0)], ema=None, diverges_at=8), TrainState(), StopRequest())


def test_weights_whose_validation_is_nan_are_not_saved(tmp_path):
    with pytest.raises(loop.Diverged, match=r"not finite .* no validation gave a number yet; begin a new run"):
        loop.run(job(tmp_path / "a", [NAN] * 4, ema=None, diverges_at=5), TrainState(), StopRequest())
    assert not checkpoints.names(tmp_path / "a/checkpoints")
    state = TrainState()
    assert loop.run(job(tmp_path / "b", [(0.5, 1.0)] + [NAN] * 3, ema=None), state, StopRequest())
    assert checkpoints.names(tmp_path / "b/checkpoints") == ["step-00000003"] and state.best == "step-00000003"


def test_a_run_of_batches_without_units_ends_and_moves_nothing(tmp_path):
    """A masked language model may draw no mask."""
    empty, state = job(tmp_path, weight=0, ema=None), TrainState()
    before = empty.trainable.masters.tensors()["weight"].clone()
    assert loop.run(empty, state, StopRequest()) and state.step == 12 and state.target_tokens == 0
    assert torch.equal(empty.trainable.masters.tensors()["weight"], before)
    assert {event["kind"] for event in metrics_log.read(tmp_path / "metrics.jsonl")} == {"validation"}


@pytest.mark.parametrize("figures", [{}, {"perplexity": 7.0}])
def test_the_progress_line_has_the_perplexity_that_the_task_gives(tmp_path, monkeypatch, caplog, figures):
    monkeypatch.setattr(progress_line, "LINE_SECONDS", -1.0)
    parts = replace(job(tmp_path), figures=lambda nll: figures, unit="output tokens")
    with caplog.at_level("INFO"):
        loop.run(parts, TrainState(), StopRequest())
    (line, *_) = [message for message in caplog.messages if message.startswith("step 1/12")]
    assert ("ppl 7.00" in line) == bool(figures) and "tokens/s" in line


def test_the_loss_is_without_label_smoothing_in_the_progress_line_and_the_metrics(tmp_path, monkeypatch, caplog):
    """As that of a validation; what the gradient follows is the objective."""
    monkeypatch.setattr(progress_line, "LINE_SECONDS", -1.0)
    parts = job(tmp_path, steps=1)
    step, own = parts.trainable.step, parts.trainable.step.loss
    step.loss = lambda *arguments: replace(own(*arguments), total=own(*arguments).total * 0 + 100.0)
    with caplog.at_level("INFO"):
        loop.run(parts, TrainState(), StopRequest())
    (event,) = (each for each in metrics_log.read(tmp_path / "metrics.jsonl") if each["kind"] == "train")
    assert event["objective"] == 100.0 and event["loss"] < 10.0
    assert any(f"step 1/1  loss {event['loss']:.3f}" in message for message in caplog.messages)


def test_a_run_of_minutes_on_a_machine_that_becomes_slower_ends_in_time(tmp_path, monkeypatch, caplog):
    """Of ten minutes; an update takes three seconds, and nine from step 100 on."""
    state, now = TrainState(), 0.0
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now)
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    parts = job(tmp_path, steps=None, minutes=10.0, validate_every=None, schedule=Linear(0), ema=None)

    def batch(rows):
        nonlocal now
        now += 3.0 if state.step < 100 else 9.0
        return parts.trainable.batch(rows)

    def validate(stop):
        nonlocal now
        now += 0.1
        return parts.validate(stop)

    slow = replace(parts, trainable=replace(parts.trainable, batch=batch), validate=validate)
    with caplog.at_level("INFO"):
        assert loop.run(slow, state, StopRequest())
    assert state.seconds == pytest.approx(600, rel=0.1) and state.step == state.total_steps < 150
    corrections = [message for message in caplog.messages if "instead of" in message]
    assert corrections and all(message.endswith(": the machine is slower now") for message in corrections)
    assert re.fullmatch(r"planned: 1\d\d steps instead of 199: .*", corrections[0])
    rates = [each["learning-rate"] for each in metrics_log.read(tmp_path / "metrics.jsonl") if each["kind"] == "train"]
    falls = [(one - other) * 200 / 1e-3 for one, other in itertools.pairwise(rates[40:])]  # as planned, each is 1
    assert rates[-1] == 0.0 and min(falls) > 0.9 and max(falls) < 6.0
    stored = checkpoints.load_newest(tmp_path / "checkpoints").state
    assert (stored.total_steps, stored.schedule_total) == (state.step, 199)
