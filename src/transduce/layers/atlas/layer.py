"""The description of a layer, and its worked example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Example:
    """Small numbers through a layer: inputs and weights by name, and outputs by name.

    torch_outputs: the same outputs by torch.nn; empty if it has no such layer.
    rows: how many leading axes make the rows of a table; all but the last axis if None.
    """

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    torch_outputs: Mapping[str, Tensor] = field(default_factory=dict)
    parameters: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class Layer:
    """A row of the catalogue.

    reference: the formula as a function. module: the class for models. parameters: a rule in words.
    elementwise: the layer is a function of one number, so a curve shows it.
    """

    name: str
    purpose: str
    formula: str
    shapes: str
    source: str
    module: str
    parameters: str
    cost: str
    reference: Callable[..., Any]
    example: Callable[[], Example]
    notes: tuple[str, ...] = ()
    elementwise: bool = False


def parameter_count(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def set_weights(module: nn.Module, **weights: Tensor) -> nn.Module:
    """The module, with these values in its parameters of these names."""
    parameters = dict(module.named_parameters())
    assert weights.keys() <= parameters.keys(), f"{type(module).__name__} has the parameters {', '.join(parameters)}"
    for name, value in weights.items():
        parameters[name].data.copy_(value)
    return module
