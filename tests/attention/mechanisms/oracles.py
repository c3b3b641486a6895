"""Oracles of the mechanisms: each computes what a mechanism computes in a second, independent way.

An oracle is a function that returns pairs of tensors in float64, (result of the mechanism, result of the oracle). `against`
names the second way: a library, loops over the formula, or a limit case. The functions stand in `oracles_*.py`;
test_mechanism_oracles.py runs them, and docs/attention/agreement.md has their largest differences.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from transduce.attention.catalogue import MECHANISMS

Pairs = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Oracle:
    mechanism: str
    against: str
    pairs: Callable[[], Pairs]

    def differences(self) -> list[Tensor]:
        torch.manual_seed(11)
        return [(ours - expected).detach().abs().max() for ours, expected in self.pairs()]


ORACLES: list[Oracle] = []


def oracle(mechanism: str, against: str) -> Callable[[Callable[[], Pairs]], Callable[[], Pairs]]:
    """Adds a function to `ORACLES`."""

    def add(pairs: Callable[[], Pairs]) -> Callable[[], Pairs]:
        ORACLES.append(Oracle(mechanism, against, pairs))
        return pairs

    return add


def build(name: str, batch: int = 2, width: int = 8) -> tuple[object, ...]:
    """The module of a mechanism and its example inputs, in float64 and in evaluation mode."""
    row = MECHANISMS[name]
    inputs = tuple(each.double() if each.is_floating_point() else each for each in row.inputs(batch, width))
    return row.build(width).double().eval(), *inputs
