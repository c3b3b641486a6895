"""Runs with means of weights, early stopping, R-Drop and other optimisers: what they leave, and that going on changes nothing."""

import logging
import os
import signal
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

import transduce
from toy import train, write_toy
from transduce.cli.process import stop_on_signals
from transduce.tasks.translation import Translation
from transduce.training import checkpoints
from transduce.training.job import Validation
from transduce.training.metrics_log import read
from transduce.workflows.train.run_folder import RunFolder

MEANS = ["training.ema=0.8", "training.average-last=3", "training.keep-last=1", "training.metric=loss"]
EVERYTHING = [*MEANS, "training.r-drop=2.0", "model.dropout=0.1", "model.layer-dropout=0.2", "training.optimiser=muon"]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def newest(root: Path) -> checkpoints.Checkpoint:
    return checkpoints.load_newest(root / "runs/toy/checkpoints")


def same(one: checkpoints.Checkpoint, other: checkpoints.Checkpoint) -> bool:
    """Bit by bit, but for the time that was spent."""
    for name in ("weights", "optimiser", "random", "average"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine.keys() != theirs.keys() or not all(torch.equal(mine[key], theirs[key]) for key in mine):
            return False
    states = [asdict(each.state) for each in (one, other)]
    for state in states:
        state.pop("seconds"), state.pop("validation_seconds"), state.pop("last_validation")
    return states[0] == states[1]


@pytest.mark.parametrize("settings", [EVERYTHING, [*MEANS, "training.optimiser=adafactor", "training.precision=bf16"]])
def test_stopping_and_going_on_changes_nothing(tmp_path, monkeypatch, settings):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert train(write_toy(whole), settings, root=whole).finished
    calls, real = 0, Translation.batch

    def counting(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls in (17, 60):  # in an update, or in a validation
            os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments, **named)

    run_file = write_toy(parted)
    with monkeypatch.context() as patch:
        patch.setattr(Translation, "batch", counting)
        assert not train(run_file, settings, root=parted, stopping=stop_on_signals).finished
        train(run_file, settings, resume=True, root=parted, stopping=stop_on_signals)
    assert train(run_file, settings, resume=True, root=parted).finished
    assert same(newest(whole), newest(parted))


def test_the_best_is_that_of_weights_mean_and_moving_average(tmp_path):
    train(write_toy(tmp_path), MEANS, root=tmp_path)
    events = [event for event in read(tmp_path / "runs/toy/metrics.jsonl") if event["kind"] == "validation"]
    assert "loss (ema)" in events[0] and "loss (mean)" not in events[0] and "loss (mean)" in events[-1]
    losses = {
        (name, event["step"]): event[key]
        for event in events
        for name, key in (("weights", "loss"), ("mean", "loss (mean)"), ("ema", "loss (ema)"))
        if key in event
    }
    state = newest(tmp_path).state
    assert (state.best_weights, int(state.best.removeprefix("step-"))) == min(losses, key=losses.__getitem__)


@pytest.mark.parametrize(
    ("setting", "better", "best"),
    [
        ("training.average-last=3", True, ("step-00000030", "mean")),
        ("training.ema=0.9", True, ("step-00000030", "ema")),
        ("training.ema=0.9", False, ("step-00000010", "weights")),
    ],
)
def test_whichever_is_best_becomes_the_model(tmp_path, monkeypatch, setting, better, best):
    """By a metric that calls each validation better, or worse, than the one before."""
    calls = 0

    def validate(self, stop):
        nonlocal calls
        calls += 1
        return Validation({"loss": -float(calls) if better else float(calls)}, "")

    monkeypatch.setattr("transduce.workflows.train.validation.DevSet.validate", validate)
    train(write_toy(tmp_path), [setting, "training.metric=loss", "training.keep-last=5"], root=tmp_path)
    state = newest(tmp_path).state
    assert (state.best, state.best_weights) == best
    folder = tmp_path / "runs/toy/checkpoints"
    parts = [checkpoints.load(folder / f"step-{step:08d}") for step in (10, 20, 30)]
    expected = {
        "weights": parts[0].weights,
        "ema": parts[-1].average,
        "mean": {name: sum(part.weights[name] for part in parts) / 3 for name in parts[0].weights},
    }[state.best_weights]
    for name, parameter in transduce.load(tmp_path / "runs/toy/model").network.named_parameters():
        torch.testing.assert_close(parameter, expected[name])
    card = (tmp_path / "runs/toy/model/README.md").read_text()
    assert ("Weights: " in card) == (state.best_weights != "weights")


def test_an_older_checkpoint_goes_on_with_the_mean_it_would_have_taken(tmp_path, caplog):
    """The newest is damaged; the one before it needs still earlier ones for its mean."""
    whole, hurt = tmp_path / "whole", tmp_path / "hurt"
    settings = ["training.average-last=4", "training.validate-every=2", "training.metric=loss"]
    settings += ["training.schedule=constant"]  # which does not look at the budget
    assert train(write_toy(whole), [*settings, "training.steps=16"], root=whole).finished
    run_file = write_toy(hurt)
    train(run_file, [*settings, "training.steps=12"], root=hurt)
    weights = hurt / "runs/toy/checkpoints/step-00000012/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    caplog.set_level(logging.INFO, "transduce")
    assert train(run_file, [*settings, "training.steps=16"], resume=True, root=hurt).finished
    assert "resuming from step 10" in caplog.messages and "leaves out" not in caplog.text
    assert torch.equal(*(newest(root).weights["target_embedding.weight"] for root in (whole, hurt)))


def test_a_checkpoint_whose_replacement_was_cut_off_comes_back(tmp_path, caplog):
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=10"], root=tmp_path)
    checkpoint = tmp_path / "runs/toy/checkpoints/step-00000010"
    checkpoint.rename(checkpoint.with_name(f".{checkpoint.name}.1a2b3c4d.old"))
    caplog.set_level(logging.INFO, "transduce")
    train(run_file, ["training.steps=12"], resume=True, root=tmp_path)
    assert "resuming from step 10" in caplog.messages


def test_a_checkpoint_that_is_gone_though_latest_names_one_is_no_reason_to_begin_anew(tmp_path):
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=10"], root=tmp_path)
    (tmp_path / "runs/toy/checkpoints/step-00000010").rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="holds no checkpoint"):
        train(run_file, ["training.steps=12"], resume=True, root=tmp_path)


def test_more_patience_lets_a_run_go_on_that_early_stopping_ended(tmp_path):
    settings = ["training.early-stop.metric=exact-match", "training.steps=60", "training.learning-rate=1e-9"]
    run_file = write_toy(tmp_path)
    train(run_file, [*settings, "training.early-stop.patience=2"], root=tmp_path)
    again = train(run_file, [*settings, "training.early-stop.patience=4"], resume=True, root=tmp_path)
    assert again.finished and again.state.step == 50


def test_early_stopping_ends_a_run_that_gets_no_better(tmp_path):
    settings = ["training.early-stop.patience=2", "training.early-stop.metric=exact-match", "training.steps=1000"]
    settings += ["training.learning-rate=1e-9", "training.metric=loss"]
    trained = train(write_toy(tmp_path), settings, root=tmp_path)
    assert trained.finished and trained.state.step == 30  # the first validation is the best, two more are not better
    assert RunFolder(tmp_path / "runs/toy").finished()
    again = train(tmp_path / "toy.toml", settings, resume=True, root=tmp_path)
    assert again.finished and again.state.step == 30


def test_early_stopping_does_not_end_a_run_that_gets_better(tmp_path):
    settings = ["training.early-stop.patience=1", "training.metric=loss", "training.learning-rate=3e-3"]
    assert train(write_toy(tmp_path), settings, root=tmp_path).state.step == 30


@pytest.mark.parametrize(
    "setting, message",
    [
        ("training.ema=1.0", "ema must be above 0 and below 1"),
        ("training.average-last=0", "average-last must be at least 1"),
        ("training.early-stop.patience=0", "patience must be at least 1"),
        ("training.early-stop={metric='blau'}", r"training\.early-stop\.metric must be one of loss"),
        ("training.r-drop=-1.0", "r-drop must be 0 to 100"),
        ("model.layer-dropout=1.0", "layer-dropout must be at least 0 and below 1"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_done(tmp_path, setting, message):
    with pytest.raises(ValueError, match=message):
        train(write_toy(tmp_path), [setting], root=tmp_path)
    assert not (tmp_path / "prepared").exists()


def test_r_drop_without_dropout_is_refused(tmp_path):
    with pytest.raises(ValueError, match="r-drop compares passes with different dropout"):
        train(write_toy(tmp_path), ["training.r-drop=1.0", "model.dropout=0.0"], root=tmp_path)


def test_the_curve_is_drawn_with_means(tmp_path):
    train(write_toy(tmp_path), MEANS, root=tmp_path)
    assert (tmp_path / "runs/toy/curve.png").stat().st_size > 10_000
