"""Optimisers: frozen parts that build PyTorch's own; their state to and from plain tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Optimiser(Protocol):
    def build(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer: ...


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba 2014, 1412.6980, with the paper's settings for Transformers; one fused kernel for all tensors."""

    beta1: Annotated[float, "decay of the mean of gradients"] = 0.9
    beta2: Annotated[float, "decay of the mean of squared gradients"] = 0.98
    eps: Annotated[float, "added to the root of the mean square"] = 1e-9

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must be at least 0 and below 1, found {getattr(self, name)}")
        if self.eps <= 0:
            raise ValueError(f"eps must be above 0, found {self.eps}")

    def build(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=0.0, betas=(self.beta1, self.beta2), eps=self.eps, fused=True)


OPTIMISERS: dict[str, type[Optimiser]] = {"adam": Adam}


def tensors_of(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state by name, "<parameter number>.<quantity>": every quantity is a tensor."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{name}": torch.as_tensor(held) for number, kept in state.items() for name, held in kept.items()}


def load_tensors(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what `tensors_of` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, held in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = held
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
