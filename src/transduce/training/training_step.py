"""Network and task as one module, which DistributedDataParallel, FSDP and torch.compile can wrap."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from transduce.training.losses import Loss

LossOf = Callable[[nn.Module, Any, float], Loss]  # network, batch, label smoothing


class TrainingStep(nn.Module):
    """`forward(batch)` returns the loss of a batch, summed; with `r_drop`, of two passes that must agree."""

    def __init__(self, network: nn.Module, loss: LossOf, smoothing: float = 0.0, r_drop: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self.loss, self.smoothing, self.r_drop = loss, smoothing, r_drop

    def forward(self, batch: Any) -> Loss:
        first = self.loss(self.network, batch, self.smoothing)
        if not self.r_drop:
            return first
        return consistent(first, self.loss(self.network, batch, self.smoothing), self.r_drop)


def consistent(first: Loss, second: Loss, alpha: float) -> Loss:
    """R-Drop (Liang et al. 2021, 2106.14448) of two passes with different dropout:

        (L_1 + L_2) / 2 + alpha / 2 * (KL(p_1 || p_2) + KL(p_2 || p_1)) / 2

    That is half of the paper's loss, so that its size is that of one pass. ValueError for a task without distributions.
    """
    if first.outputs is None or second.outputs is None:
        raise ValueError("training.r-drop compares the distributions of two passes, and this task predicts none")
    divergence = first.outputs.divergence(second.outputs)
    return replace(
        first,
        total=(first.total + second.total) / 2 + alpha / 2 * divergence,
        shown={name: (value + second.shown[name]) / 2 for name, value in first.shown.items()},
        outputs=None,
    )
