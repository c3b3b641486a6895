"""Schedules against their formulas and PyTorch's."""

import math

import pytest
import torch

from transduce.training.schedules import SCHEDULES, Constant, Cosine, InverseSquareRoot, Linear, WarmUpStableDecay


def test_inverse_square_root_is_the_papers():
    """lrate = d^-0.5 min(step^-0.5, step warmup^-1.5), section 5.3, as a factor of its peak (d warmup)^-0.5."""
    for step in (1, 100, 4000, 4001, 100_000):
        paper = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert InverseSquareRoot(4000).at(step, None) * (512 * 4000) ** -0.5 == pytest.approx(paper)


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_is_pytorchs_after_the_warm_up(final):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=90, eta_min=final)
    for step in range(10, 101):
        assert Cosine(10, final).at(step, 100) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
        optimiser.step()
        theirs.step()


def test_linear_goes_straight_to_its_final_factor():
    schedule = Linear(warmup=10, final=0.2)
    assert [schedule.at(step, 110) for step in (5, 10, 60, 110)] == pytest.approx([0.5, 1.0, 0.6, 0.2])


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_warms_up_from_small_to_one_and_stays_within(name):
    schedule = SCHEDULES[name](warmup=20)
    factors = [schedule.at(step, 200) for step in range(1, 201)]
    assert factors[0] == pytest.approx(1 / 20) and factors[19] == pytest.approx(1.0)
    assert all(0.0 <= factor <= 1.0 for factor in factors)


@pytest.mark.parametrize("name", SCHEDULES)
def test_without_a_total_or_a_warm_up_the_factor_is_defined(name):
    assert math.isfinite(SCHEDULES[name](warmup=0).at(1, None))
    assert SCHEDULES[name](warmup=0).at(1, 1) == 1.0
    assert SCHEDULES[name](warmup=0).at(1, 100) == 1.0


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warm_up_takes_at_most_half_of_the_run(name):
    schedule = SCHEDULES[name](warmup=4000)
    assert [schedule.at(step, 100) for step in (25, 50)] == pytest.approx([0.5, 1.0])
    assert schedule.at(100, 100) <= 1.0 and schedule.at(100, None) == pytest.approx(100 / 4000)
    assert math.isfinite(schedule.at(1, 1))


def test_constant():
    assert Constant().at(1, None) == Constant().at(10**6, 10**6) == 1.0


def test_warmup_stable_decay_stays_at_the_peak_and_falls_at_the_end():
    schedule = WarmUpStableDecay(warmup=10, decay=0.2, final=0.1)
    assert schedule.at(5, 110) == 0.5 and schedule.at(10, 110) == 1.0 and schedule.at(90, 110) == 1.0
    assert schedule.at(95, 110) == pytest.approx(1 - 0.9 * math.sqrt(0.25))
    assert schedule.at(110, 110) == pytest.approx(0.1) and schedule.at(500, None) == 1.0
    with pytest.raises(ValueError, match="decay must be above 0"):
        WarmUpStableDecay(decay=0.0)
