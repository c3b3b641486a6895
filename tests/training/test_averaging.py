"""Means of weights against their definitions."""

from pathlib import Path

import pytest
import torch
from torch import nn

from transduce.training.averaging import MovingAverage, candidates, decay_at, mean
from transduce.training.config import TrainingConfig
from transduce.training.precision import MasterWeights
from transduce.training.state import TrainState


def masters(precision=torch.float32) -> MasterWeights:
    torch.manual_seed(1)
    return MasterWeights(nn.Linear(3, 2), precision)


def test_the_mean_is_that_of_all_checkpoints_and_now_but_for_those_that_are_gone(monkeypatch, caplog):
    by_folder = {Path("a"): {"w": torch.tensor([1.0])}, Path("b"): {"w": torch.tensor([2.0])}}

    def load(folder: Path):
        if folder not in by_folder:
            raise ValueError(f"{folder}: no such folder")
        return by_folder[folder]

    monkeypatch.setattr("transduce.training.checkpoints.load_weights", load)
    now = {"w": torch.tensor([6.0])}
    assert mean(now, [Path("a"), Path("b")])["w"].item() == 3.0 and not caplog.messages
    assert mean(now, [Path("gone"), Path("b")])["w"].item() == 4.0
    assert caplog.messages == ["the mean of weights leaves out gone: gone: no such folder"]


def test_the_moving_average_forgets_at_its_decay():
    weights = masters()
    average = MovingAverage(weights, 0.5)
    expected = weights.tensors()["weight"].clone()
    for step in range(1, 6):
        with torch.no_grad():
            weights.masters[0].add_(step)
        average.follow(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weights.tensors()["weight"]
    torch.testing.assert_close(average.average["weight"], expected)


def test_a_young_average_forgets_sooner():
    assert decay_at(1, 0.999) < 0.2 < decay_at(100, 0.999) < decay_at(100_000, 0.999) == 0.999


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_other_weights_are_shown_and_the_own_ones_come_back(precision):
    weights = masters(precision)
    before = [weight.detach().clone() for weight in (*weights.masters, *weights.weights)]
    other = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    with pytest.raises(RuntimeError, match="broken off"), weights.swap_in(other):
        assert torch.equal(weights.weights[0].float(), torch.ones(2, 3))
        raise RuntimeError("broken off")
    for one, other in zip(before, (*weights.masters, *weights.weights), strict=True):
        assert torch.equal(one, other)


def test_candidates_are_what_the_settings_ask_for(tmp_path):
    weights = masters()
    moving = MovingAverage(weights, 0.9)
    plain = list(candidates(TrainingConfig(), weights, None, TrainState(), tmp_path))
    assert [each.name for each in plain] == ["weights"]
    settings = TrainingConfig(average_last=3, ema=0.9)
    first = list(candidates(settings, weights, moving, TrainState(step=1), tmp_path))
    assert [each.name for each in first] == ["weights", "ema"]  # nothing earlier to make a mean of
    start = list(candidates(settings, weights, moving, TrainState(step=0), tmp_path))
    assert [each.name for each in start] == ["weights"]  # the average is still what it began with
