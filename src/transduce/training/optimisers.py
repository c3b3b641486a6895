"""Optimisers: frozen parts that build PyTorch's own over named parameters, and the group that the training loop steps.

All take their rate from the schedule, update by update. One rate suits all of them but Adafactor, whose rate is a share of
the weights' own size.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from transduce import config
from transduce.config import Fact


class OptimiserGroup:
    """One or several of PyTorch's optimisers, each over some of the named parameters, that step together."""

    def __init__(self, *optimisers: torch.optim.Optimizer) -> None:
        self.optimisers = optimisers

    def step(self, rate: float) -> None:
        """Moves every parameter by its gradient; a parameter without a gradient stays."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()

    def tensors(self) -> dict[str, Tensor]:
        """The state as tensors by name, "<parameter>/<quantity>"; none for parameters that have not moved yet."""
        return {
            f"{names[number]}/{quantity}": torch.as_tensor(value)
            for optimiser, names in zip(self.optimisers, self._names(), strict=True)
            for number, state in optimiser.state_dict()["state"].items()
            for quantity, value in state.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restores the state from `tensors`. ValueError for a parameter that no optimiser moves."""
        states: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            name, _, quantity = key.rpartition("/")
            states.setdefault(name, {})[quantity] = value
        if unknown := sorted(states.keys() - {name for names in self._names() for name in names}):
            raise ValueError(
                f"the optimiser's state is of another network: {unknown[0]!r} is not one of this network's parameters"
            )
        for optimiser, names in zip(self.optimisers, self._names(), strict=True):
            own = {number: states[name] for number, name in enumerate(names) if name in states}
            optimiser.load_state_dict({"state": own, "param_groups": optimiser.state_dict()["param_groups"]})

    def _names(self) -> list[list[str]]:
        """The parameter names of each optimiser, in the order in which it numbers them."""
        return [[name for group in each.param_groups for name in group["param_names"]] for each in self.optimisers]


@runtime_checkable
class Optimiser(Protocol):
    def build(self, parameters: Mapping[str, Tensor], matrices: Collection[str]) -> OptimiserGroup:
        """`matrices` names the parameters that are matrices between features (networks/heads.py: inner_matrices)."""
        ...


def decay_groups(parameters: Mapping[str, Tensor], weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: weight decay shrinks matrices, but neither biases nor gains."""
    matrices = [(name, parameter) for name, parameter in parameters.items() if parameter.ndim >= 2]
    others = [(name, parameter) for name, parameter in parameters.items() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba 2014, 1412.6980, with the settings of Vaswani et al. 2017; one fused kernel for all tensors."""

    beta1: Annotated[float, "decay of the mean of gradients", Fact(at_least=0, below=1)] = 0.9
    beta2: Annotated[float, "decay of the mean of squared gradients", Fact(at_least=0, below=1)] = 0.98
    eps: Annotated[float, "added to the root of the mean square", Fact(above=0)] = 1e-9

    def __post_init__(self) -> None:
        config.check(self)

    def build(self, parameters: Mapping[str, Tensor], matrices: Collection[str]) -> OptimiserGroup:
        betas = (self.beta1, self.beta2)
        return OptimiserGroup(torch.optim.Adam(list(parameters.items()), lr=0.0, betas=betas, eps=self.eps, fused=True))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2017, 1711.05101)."""

    weight_decay: Annotated[
        float, "share of the rate by which matrices shrink in each update", Fact(at_least=0, below=10)
    ] = 0.01

    def build(self, parameters: Mapping[str, Tensor], matrices: Collection[str]) -> OptimiserGroup:
        groups, betas = decay_groups(parameters, self.weight_decay), (self.beta1, self.beta2)
        return OptimiserGroup(torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=self.eps, fused=True))


@dataclass(frozen=True)
class Adafactor:
    """Second moments of a matrix by its rows and columns: little memory (Shazeer and Stern 2018, 1804.04235).

    A weight moves by at most rate * max(its matrix's root mean square, 0.001), so rates of about 1e-2 are usual. PyTorch
    uses the smaller of the schedule's rate and 1 / sqrt(step), which is below 0.05 from step 401 on; the log of metrics
    has the schedule's rate.
    """

    beta2_decay: Annotated[
        float, "the second moments' decay at step t is 1 - t^this", Fact(at_least=-10, at_most=0)
    ] = -0.8
    clip: Annotated[
        float, "limit of an update's root mean square; greater updates are scaled down", Fact(at_least=1)
    ] = 1.0
    weight_decay: Annotated[
        float, "share of the rate by which matrices shrink in each update", Fact(at_least=0, below=10)
    ] = 0.0

    def __post_init__(self) -> None:
        config.check(self)

    def build(self, parameters: Mapping[str, Tensor], matrices: Collection[str]) -> OptimiserGroup:
        groups = decay_groups(parameters, self.weight_decay)
        return OptimiserGroup(
            torch.optim.Adafactor(groups, lr=0.0, beta2_decay=self.beta2_decay, d=self.clip, foreach=False)
        )


@dataclass(frozen=True)
class Muon:
    """Momentum made orthogonal for the matrices inside the layers (Jordan et al. 2024; Liu et al. 2025, 2502.16982).

    AdamW moves embeddings, the output map, biases and gains, as Muon's authors do. Steps have the size of AdamW's, so that
    one learning rate serves both.
    """

    momentum: Annotated[float, "decay of the mean of gradients", Fact(at_least=0, below=1)] = 0.95
    weight_decay: Annotated[
        float, "share of the rate by which matrices shrink in each update", Fact(at_least=0, below=10)
    ] = 0.0
    beta1: Annotated[float, "AdamW's decay of the mean of gradients", Fact(at_least=0, below=1)] = 0.9
    beta2: Annotated[float, "AdamW's decay of the mean of squared gradients", Fact(at_least=0, below=1)] = 0.98

    def __post_init__(self) -> None:
        config.check(self)

    def build(self, parameters: Mapping[str, Tensor], matrices: Collection[str]) -> OptimiserGroup:
        inner = {name: parameter for name, parameter in parameters.items() if name in matrices}
        outer = {name: parameter for name, parameter in parameters.items() if name not in matrices}
        optimisers: list[torch.optim.Optimizer] = []
        if inner:
            optimisers.append(
                torch.optim.Muon(
                    list(inner.items()),
                    lr=0.0,
                    momentum=self.momentum,
                    weight_decay=self.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        if outer:
            groups = decay_groups(outer, self.weight_decay)
            optimisers.append(torch.optim.AdamW(groups, lr=0.0, betas=(self.beta1, self.beta2), eps=1e-9, fused=True))
        return OptimiserGroup(*optimisers)


OPTIMISERS: dict[str, type[Optimiser]] = {"adam": Adam, "adamw": AdamW, "adafactor": Adafactor, "muon": Muon}
