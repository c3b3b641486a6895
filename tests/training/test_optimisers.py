"""Optimisers against PyTorch's own, and their state through files."""

import pytest
import torch
from torch import nn

from transduce.config import build, tree_of
from transduce.networks.heads import VocabularyHead, inner_matrices
from transduce.training.optimisers import OPTIMISERS, Adafactor, Adam, AdamW, Muon, OptimiserGroup


def network() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(nn.Embedding(7, 6), nn.Linear(6, 5), nn.LayerNorm(5), VocabularyHead(5, 3))


def weights_after(part, steps: int = 4, between=lambda stepper: stepper) -> list[torch.Tensor]:
    """The weights after some steps on a fixed problem; `between` may replace the stepper after each."""
    model = network()
    named = dict(model.named_parameters())
    stepper = part.build(named, inner_matrices(model))
    for step in range(steps):
        model(torch.tensor([1, 2, 5])).square().sum().backward()
        stepper.step(0.01 * (step + 1))
        model.zero_grad()
        stepper = between(stepper)
    return [weight.detach().clone() for weight in named.values()]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_moves_every_weight(name):
    for before, after in zip(network().parameters(), weights_after(OPTIMISERS[name]()), strict=True):
        assert not torch.equal(before, after)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_state_that_is_put_into_a_fresh_optimiser_goes_on_bit_by_bit(name):
    part = OPTIMISERS[name]()
    model = network()
    named = dict(model.named_parameters())

    def restored(stepper: OptimiserGroup) -> OptimiserGroup:
        copies = {key: weight.clone() for key, weight in stepper.tensors().items()}
        fresh = part.build(named, inner_matrices(model))
        fresh.load(copies)
        return fresh

    stepper = part.build(named, inner_matrices(model))
    for step in range(4):
        model(torch.tensor([1, 2, 5])).square().sum().backward()
        stepper.step(0.01 * (step + 1))
        model.zero_grad()
        stepper = restored(stepper)
    for again, whole in zip(named.values(), weights_after(part), strict=True):
        assert torch.equal(again, whole)


def test_adam_and_adamw_without_decay_are_one():
    for one, other in zip(weights_after(Adam()), weights_after(AdamW(weight_decay=0.0)), strict=True):
        torch.testing.assert_close(one, other)


def test_adamw_decays_matrices_and_leaves_gains_and_biases():
    plain, decayed = weights_after(AdamW(weight_decay=0.0), 1), weights_after(AdamW(weight_decay=0.5), 1)
    for before, one, other in zip(network().parameters(), plain, decayed, strict=True):
        shrunk = one - 0.01 * 0.5 * before if before.ndim == 2 else one
        torch.testing.assert_close(other, shrunk)


def test_muon_moves_inner_matrices_by_steps_of_adams_size():
    """The first step's greatest singular value is about rate * 0.2 * sqrt(longer side), whatever the gradient's size."""
    model, after = network(), weights_after(Muon(), 1)
    for (name, old), new in zip(model.named_parameters(), after, strict=True):
        if name in inner_matrices(model):
            singular = torch.linalg.svdvals(new - old.detach()) / (0.01 * 0.2 * max(old.shape) ** 0.5)
            assert 0.6 < singular.max() < 1.5


def test_state_is_stored_by_the_names_of_parameters():
    model = network()
    named = dict(model.named_parameters())
    stepper = Muon().build(named, inner_matrices(model))
    model(torch.tensor([1, 2])).sum().backward()
    stepper.step(0.01)
    tensors = stepper.tensors()
    assert {key.rpartition("/")[0] for key in tensors} == named.keys()
    assert tensors["1.weight/momentum_buffer"].shape == (5, 6)
    with pytest.raises(
        ValueError, match=r"of another network: 'other\.weight' is not one of this network's parameters"
    ):
        stepper.load({"other.weight/exp_avg": torch.zeros(2)})


def test_adafactor_keeps_rows_and_columns_only():
    named = {"weight": nn.Parameter(torch.randn(30, 20))}
    stepper = Adafactor().build(named, ())
    named["weight"].grad = torch.randn(30, 20)
    stepper.step(0.01)
    assert sum(weight.numel() for weight in stepper.tensors().values()) <= 30 + 20 + 1


@pytest.mark.parametrize(
    "part, settings, message",
    [
        (AdamW, {"weight_decay": -1.0}, "weight-decay"),
        (Muon, {"momentum": 1.0}, "momentum"),
        (Adafactor, {"clip": 0.5}, "clip"),
        (Adafactor, {"beta2_decay": 0.5}, "beta2-decay"),
        (Adam, {"eps": 0.0}, "eps"),
    ],
)
def test_settings_out_of_range_are_named(part, settings, message):
    with pytest.raises(ValueError, match=message):
        part(**settings)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_parts_go_through_toml(name):
    from transduce.training.config import TrainingConfig

    config = TrainingConfig(optimiser=OPTIMISERS[name]())
    assert build(TrainingConfig, tree_of(config), "here") == config
