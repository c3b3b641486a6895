"""Optimisers: frozen parts that build PyTorch's own over named parameters.

All take their rate from the schedule, update by update; the same rate means much the same for each of them but Adafactor,
whose rate is a share of the weights' own size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from transduce import config
from transduce.config import Fact
from transduce.training.stepper import Stepper


@runtime_checkable
class Optimiser(Protocol):
    def build(self, parameters: Mapping[str, Tensor]) -> Stepper: ...


def decayed(parameters: Mapping[str, Tensor], weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: matrices shrink by weight decay; biases and gains, whose size is their meaning, do not."""
    matrices = [held for held in parameters.values() if held.ndim >= 2]
    others = [held for held in parameters.values() if held.ndim < 2]
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

    def build(self, parameters: Mapping[str, Tensor]) -> Stepper:
        betas = (self.beta1, self.beta2)
        return Stepper(torch.optim.Adam(list(parameters.values()), lr=0.0, betas=betas, eps=self.eps, fused=True))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weights that shrink beside it, not through it (Loshchilov and Hutter 2017, 1711.05101)."""

    weight_decay: Annotated[
        float, "share of the rate by which matrices shrink in each update", Fact(at_least=0, below=10)
    ] = 0.01

    def build(self, parameters: Mapping[str, Tensor]) -> Stepper:
        groups, betas = decayed(parameters, self.weight_decay), (self.beta1, self.beta2)
        return Stepper(torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=self.eps, fused=True))


@dataclass(frozen=True)
class Adafactor:
    """Second moments of a matrix by its rows and columns: little memory (Shazeer and Stern 2018, 1804.04235).

    A weight moves by at most rate * max(its matrix's root mean square, 0.001), so rates of about 1e-2 are usual. PyTorch
    takes the smaller of the schedule's rate and 1 / sqrt(step): a rate of 0.05 is not what runs from step 401 on, and the
    log of metrics has the schedule's.
    """

    beta2_decay: Annotated[
        float, "the second moments' decay at step t is 1 - t^this", Fact(at_least=-10, at_most=0)
    ] = -0.8
    clip: Annotated[float, "an update with a greater root mean square is scaled down to it", Fact(at_least=1)] = 1.0
    weight_decay: Annotated[
        float, "share of the rate by which matrices shrink in each update", Fact(at_least=0, below=10)
    ] = 0.0

    def __post_init__(self) -> None:
        config.check(self)

    def build(self, parameters: Mapping[str, Tensor]) -> Stepper:
        groups = decayed(parameters, self.weight_decay)
        return Stepper(torch.optim.Adafactor(groups, lr=0.0, beta2_decay=self.beta2_decay, d=self.clip, foreach=False))


@dataclass(frozen=True)
class Muon:
    """Momentum made orthogonal for the matrices inside the layers (Jordan et al. 2024; Liu et al. 2025, 2502.16982).

    Embeddings, the output map, biases and gains are moved by AdamW, as its authors do. Its steps are scaled to the size of
    AdamW's, so that one learning rate serves both.
    """

    momentum: Annotated[float, "decay of the mean of gradients", Fact(at_least=0, below=1)] = 0.95
    weight_decay: Annotated[
        float, "share of the rate by which matrices shrink in each update", Fact(at_least=0, below=10)
    ] = 0.0
    beta1: Annotated[float, "AdamW's decay of the mean of gradients", Fact(at_least=0, below=1)] = 0.9
    beta2: Annotated[float, "AdamW's decay of the mean of squared gradients", Fact(at_least=0, below=1)] = 0.98

    def __post_init__(self) -> None:
        config.check(self)

    def build(self, parameters: Mapping[str, Tensor]) -> Stepper:
        inner = {name: held for name, held in parameters.items() if is_inner_matrix(name, held)}
        outer = {name: held for name, held in parameters.items() if name not in inner}
        optimisers: list[torch.optim.Optimizer] = []
        if inner:
            optimisers.append(
                torch.optim.Muon(
                    list(inner.values()),
                    lr=0.0,
                    momentum=self.momentum,
                    weight_decay=self.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        if outer:
            groups = decayed(outer, self.weight_decay)
            optimisers.append(torch.optim.AdamW(groups, lr=0.0, betas=(self.beta1, self.beta2), eps=1e-9, fused=True))
        return Stepper(*optimisers)


def is_inner_matrix(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a matrix between features, neither an embedding table nor the output map."""
    return parameter.ndim == 2 and "embedding" not in name and name != "output.weight"


OPTIMISERS: dict[str, type[Optimiser]] = {"adam": Adam, "adamw": AdamW, "adafactor": Adafactor, "muon": Muon}
