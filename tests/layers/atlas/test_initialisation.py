"""Xavier and He initial weights against torch.nn.init."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from transduce.layers.atlas.initialisation import fans, he_deviation, normal_weights, uniform_weights, xavier_deviation

MODULES = [nn.Linear(3, 6), nn.Conv2d(2, 6, 3), nn.Conv2d(4, 6, (3, 5), groups=2), nn.Conv1d(2, 4, 7)]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_fans(module):
    assert fans(tuple(module.weight.shape)) == nn.init._calculate_fan_in_and_fan_out(module.weight)


def test_fans_of_a_transposed_convolution_are_swapped():
    weight = nn.ConvTranspose2d(2, 6, 3).weight
    assert nn.init._calculate_fan_in_and_fan_out(weight) == (54, 18)
    assert fans((6, 2, 3, 3)) == (18, 54)


LARGE = (64, 32, 5, 5)
TANH = 5 / 3


@pytest.mark.parametrize(
    ("draw", "deviation", "initialise"),
    [
        (normal_weights, xavier_deviation(LARGE), nn.init.xavier_normal_),
        (uniform_weights, xavier_deviation(LARGE), nn.init.xavier_uniform_),
        (uniform_weights, xavier_deviation(LARGE, TANH), partial(nn.init.xavier_uniform_, gain=TANH)),
        (normal_weights, he_deviation(LARGE), partial(nn.init.kaiming_normal_, nonlinearity="relu")),
        (uniform_weights, he_deviation(LARGE), partial(nn.init.kaiming_uniform_, nonlinearity="relu")),
    ],
    ids=["xavier-normal", "xavier-uniform", "xavier-uniform-tanh", "he-normal", "he-uniform"],
)
def test_large_samples_have_one_distribution(draw, deviation, initialise):
    ours, theirs = draw(LARGE, deviation), initialise(torch.empty(LARGE))
    assert ours.mean().item() == pytest.approx(0, abs=4 * deviation / math.sqrt(ours.numel()))
    for each in (ours, theirs):
        assert each.std().item() == pytest.approx(deviation, rel=0.02)
    quantiles = torch.tensor([0.01, 0.1, 0.5, 0.9, 0.99])
    difference = ours.flatten().quantile(quantiles) - theirs.flatten().quantile(quantiles)
    assert difference.abs().max().item() < 0.05 * deviation


def test_the_bound_of_the_uniform_is_root_three_deviations():
    weight = uniform_weights((100, 100), 0.5)
    assert 0.99 * 0.5 * math.sqrt(3) < weight.abs().max().item() <= 0.5 * math.sqrt(3)


@pytest.mark.parametrize(
    ("name", "gain"), [("linear", 1), ("sigmoid", 1), ("tanh", 5 / 3), ("relu", math.sqrt(2)), ("selu", 3 / 4)]
)
def test_gains(name, gain):
    assert nn.init.calculate_gain(name) == pytest.approx(gain)
    assert nn.init.calculate_gain("leaky_relu", 0.3) == pytest.approx(math.sqrt(2 / (1 + 0.3**2)))
