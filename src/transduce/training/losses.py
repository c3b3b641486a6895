"""The loss of a batch, which a task returns to the training loop."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Outputs(Protocol):
    """The predicted distributions of a batch, for losses that compare two passes."""

    def divergence(self, other: "Outputs") -> Float[Tensor, ""]:
        """(KL(p || q) + KL(q || p)) / 2, summed over the units."""
        ...


@dataclass(frozen=True)
class Loss:
    """Sums over the units of a batch (target tokens, rows, boxes): divide by the weights of the whole update.

    total: the sum that has the gradient. weight: number of units, 0 for a batch without units. shown: sums for display, without
    gradient; every task has "nll", the negative log-likelihood in nats without smoothing (or the plain error of a regression).
    """

    total: Float[Tensor, ""]
    weight: int
    shown: dict[str, Tensor]
    outputs: Outputs | None = None
