"""The temperature that fits given answers best: it undoes a scale, and a search over a grid finds none that is better."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from transduce.training.temperature import HIGHEST, LOWEST, SPREAD, best_temperature


def drawn(units: int, choices: int) -> tuple[Tensor, Tensor]:
    """Logits, and right choices that are drawn by their probabilities."""
    torch.manual_seed(0)
    logits = 2 * torch.randn(units, choices)
    return logits, logits.softmax(-1).multinomial(1)[:, 0]


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_it_undoes_a_scale(scale: float) -> None:
    logits, targets = drawn(20_000, 7)
    assert best_temperature([(scale * logits, targets)]) == pytest.approx(scale, rel=0.03)


def test_no_other_has_a_higher_likelihood() -> None:
    logits, targets = drawn(500, 5)
    pieces = [(logits[:200] * 1.4, targets[:200]), (logits[200:] * 0.8, targets[200:])]
    together = torch.cat([each for each, _ in pieces])

    def nll(temperature: float) -> float:
        prior = math.log(temperature) ** 2 / (2 * SPREAD**2)
        return F.cross_entropy(together / temperature, targets, reduction="sum").item() + prior

    best = best_temperature(pieces)
    grid = torch.logspace(-0.47, 0.47, 300).tolist()
    assert nll(best) <= min(map(nll, grid)) + 1e-3


def test_it_stays_within_limits() -> None:
    logits, _ = drawn(5_000, 5)
    assert best_temperature([(logits, logits.argmax(-1))]) == pytest.approx(LOWEST, rel=1e-3)
    assert best_temperature([(logits, logits.argmin(-1))]) == pytest.approx(HIGHEST, rel=1e-3)


def test_a_few_units_change_little() -> None:
    logits, _ = drawn(4, 5)
    assert 0.8 < best_temperature([(logits, logits.argmax(-1))]) < 1
