"""Multi-task attention: each task has a soft mask on the features that all tasks share (MTAN).

Letters: B pictures, T tasks, C channels of the block's output, U of its first features, Z of the masks of the block before,
R inside a gate, h height, w width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import COLUMNS, ROWS, pictures

TASKS = 2  # of the example


class TaskGates(nn.Module):
    """a_t = sigmoid(norm(convolution(relu(norm(convolution([u, previous_t])))))), by convolutions of one pixel.

    The output of task t is a_t * p. previous: what this task took from the block before; the first block has none.
    """

    def __init__(self, first: int, channels: int, inner: int, tasks: int, previous: int = 0) -> None:
        super().__init__()
        self.previous = previous
        self.gates = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(first + previous, inner, 1),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, channels, 1),
                nn.BatchNorm2d(channels),
                nn.Sigmoid(),
            )
            for _ in range(tasks)
        )

    def forward(
        self,
        u: Float[Tensor, "B U h w"],
        p: Float[Tensor, "B C h w"],
        previous: Float[Tensor, "B T Z h w"] | None = None,
    ) -> Float[Tensor, "B T C h w"]:
        """u: the first features of the shared block, p: its last ones."""
        return self.masks(u, previous) * p.unsqueeze(1)

    def weights(
        self,
        u: Float[Tensor, "B U h w"],
        p: Float[Tensor, "B C h w"],
        previous: Float[Tensor, "B T Z h w"] | None = None,
    ) -> Float[Tensor, "B T h w"]:
        """The mean of each task's mask over the channels."""
        return self.masks(u, previous).mean(2)

    def masks(self, u: Tensor, previous: Tensor | None) -> Float[Tensor, "B T C h w"]:
        shape = None if previous is None else tuple(previous.shape[1:3])
        expected = (len(self.gates), self.previous) if self.previous else None
        if shape != expected:
            raise ValueError(f"previous features must have (tasks, channels) {expected}, found {shape}")
        inputs = [u] * len(self.gates) if previous is None else [torch.cat([u, each], 1) for each in previous.unbind(1)]
        return torch.stack([gate(each) for gate, each in zip(self.gates, inputs, strict=True)], 1)


def two_pictures(batch: int, width: int) -> tuple[Tensor, ...]:
    (first,), (last,) = pictures(batch, width), pictures(batch, width)
    return first, last


MULTI_TASK = Mechanism(
    name="multi-task",
    purpose="Tasks share a trunk; each picks its own features from it by soft masks that learn from its loss alone.",
    formula="a_t = sigmoid(BN(W2 relu(BN(W1 [u, previous_t])))), output of task t = a_t * p",
    paper="Liu, Johns and Davison 2019, End-to-End Multi-Task Learning with Attention, 1803.10704",
    cost="time and parameters T * R * (U + Z + C), times h * w for the time",
    kind="own module",
    build=lambda width: TaskGates(width, width, width, TASKS),
    shapes="(B, U, h, w), (B, C, h, w) -> (B, T, C, h, w)",
    inputs=two_pictures,
    sides=(ROWS, COLUMNS),
    caption="Head n is task n: the mean of its mask over the channels. Two pixels are bright. Nothing is trained.",
    sums_to_one=False,
)
