"""One update: what is accumulated, clipped, cut into pieces or left out."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from transduce.data.loader import Rows
from transduce.training.config import TrainingConfig
from transduce.training.losses import Loss
from transduce.training.optimisers import Adam
from transduce.training.precision import MasterWeights
from transduce.training.schedules import Constant
from transduce.training.state import TrainState
from transduce.training.training_step import TrainingStep
from transduce.training.update import Trainable, update

NO_ROOM = (  # as torch says it of a GPU, and of a CPU
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
)


def rows(*values):
    """A batch of single numbers."""
    return Rows(0, 0, {"number": [np.array([value], dtype=np.int32) for value in values]}, np.arange(len(values)))


def trainable(largest=100, error=NO_ROOM[0], **settings):
    """One weight w with loss (w - value)^2 summed over a batch; more than `largest` rows at once run out of memory."""
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.5)

    def batch(rows):
        if len(rows.indices) > largest:
            raise error
        return torch.tensor([float(row[0]) for row in rows.columns["number"]])

    def loss(network, numbers, smoothing):
        total = (network.weight.flatten() - numbers).square().sum()
        return Loss(total, len(numbers), {"nll": total.detach()})

    config = TrainingConfig(learning_rate=0.1, schedule=Constant(), **settings)
    masters = MasterWeights(network, torch.float32)
    return Trainable(TrainingStep(network, loss), batch, masters, Adam().build(masters.parameters, ()), config)


def test_the_loss_is_that_per_token_over_all_batches():
    result = update(trainable(clip_norm=0.0), [rows(1, 2), rows(3)], TrainState())
    assert result.objective == result.loss == pytest.approx((0.25 + 2.25 + 6.25) / 3) and result.units == 3
    assert result.gradient_norm == pytest.approx(2 * (0.5 + 1.5 + 2.5) / 3)


def test_two_batches_make_the_update_that_one_of_both_makes():
    one, two = trainable(), trainable()
    update(one, [rows(1, 2, 3, 4, 5)], TrainState())
    update(two, [rows(1, 2), rows(3, 4, 5)], TrainState())
    torch.testing.assert_close(one.step.network.weight, two.step.network.weight)


@pytest.mark.parametrize("error", NO_ROOM)
def test_out_of_memory_cuts_batches_finer_and_changes_no_result(error):
    free, tight, state = trainable(), trainable(largest=2, error=error), TrainState()
    values = rows(1, 2, 3, 4, 5, 6, 7)
    assert update(free, [values], TrainState()).loss == pytest.approx(update(tight, [values], state).loss)
    torch.testing.assert_close(free.step.network.weight, tight.step.network.weight)
    assert state.pieces == 4


def test_other_errors_of_torch_are_not_taken_for_it():
    with pytest.raises(RuntimeError, match="shapes"):
        update(trainable(largest=2, error=RuntimeError("shapes do not fit")), [rows(1, 2, 3)], TrainState())


def test_memory_that_does_not_hold_one_row_is_named():
    with pytest.raises(ValueError, match="one row does not fit into memory; use a smaller model"):
        update(trainable(largest=0), [rows(1, 2)], TrainState())


def test_rows_without_units_count_nothing():
    """A batch with units and one without make the update of the first alone."""
    one, two = trainable(), trainable()

    def loss(network, numbers, smoothing):
        return one.step.loss(network, numbers, smoothing) if len(numbers) > 1 else Loss(torch.zeros(()), 0, {})

    two = replace(two, step=TrainingStep(two.step.network, loss))
    expected = update(one, [rows(1, 2)], TrainState())
    assert update(two, [rows(1, 2), rows(3)], TrainState()) == expected
    torch.testing.assert_close(one.step.network.weight, two.step.network.weight)
    before = two.step.network.weight.clone()
    assert update(two, [rows(3)], TrainState()).units == 0 and torch.equal(two.step.network.weight, before)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_moves_nothing(bad):
    job = trainable()
    step = job.step

    def broken(network, numbers, smoothing):
        loss = step.loss(network, numbers, smoothing)
        return replace(loss, total=loss.total * bad)

    result = update(replace(job, step=TrainingStep(step.network, broken)), [rows(1)], TrainState())
    assert not result.finite and step.network.weight.item() == 0.5
    assert not job.optimiser.tensors()


def test_gradients_are_clipped_to_the_norm():
    norms = []
    job = trainable(clip_norm=0.01)
    job.optimiser.step = lambda rate: norms.append(job.masters.masters[0].grad.norm().item())
    result = update(job, [rows(9)], TrainState())
    assert result.gradient_norm == pytest.approx(17.0) and norms == [pytest.approx(0.01, rel=1e-3)]


def test_bf16_masters_keep_updates_that_bf16_would_lose():
    """A thousand steps of 1e-5 on a weight of 1: bfloat16 has nothing between 1 and 1.0078."""
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1.0)
    masters = MasterWeights(network, torch.bfloat16)
    optimiser = torch.optim.SGD(masters.masters, lr=1e-5)
    for _ in range(1000):
        (-network.weight.sum()).backward()
        masters.collect()
        optimiser.step()
        masters.publish()
        masters.clear()
    assert masters.tensors()["weight"].item() == pytest.approx(1.01, abs=1e-4)
    assert network.weight.dtype == torch.bfloat16 and network.weight.item() == pytest.approx(1.0078125)


def test_masters_come_back_as_they_were_saved():
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    tensors = {name: tensor.clone() for name, tensor in MasterWeights(first, torch.bfloat16).tensors().items()}
    masters = MasterWeights(second, torch.bfloat16)
    masters.load(tensors)
    for name, tensor in masters.tensors().items():
        assert torch.equal(tensor, tensors[name])
    torch.testing.assert_close(second.weight.float(), tensors["weight"], atol=0.01, rtol=0.01)
