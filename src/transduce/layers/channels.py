"""Layers over the channels of feature maps: normalisation, gates and stochastic depth.

Letters: B pictures, C channels, R channels inside a gate, h height, w width.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def local_response_norm(
    x: Float[Tensor, "B C h w"],
    columns: int = 1,
    neighbours: int = 5,
    k: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
) -> Float[Tensor, "B C h w"]:
    """x / (k + alpha * sum of x^2 over the `neighbours` adjacent channels)^beta (Krizhevsky et al. 2012, section 3.3).

    The defaults are those of the paper. Each of the `columns`, equal shares of the channels, is normalised by itself.
    """
    apart = x.unflatten(1, (columns, -1)).flatten(0, 1)  # (B * columns, C / columns, h, w)
    normal: Tensor = F.local_response_norm(
        apart, neighbours, alpha * neighbours, beta, k
    )  # which divides alpha by the number
    output: Tensor = normal.unflatten(0, (-1, columns)).flatten(1, 2)
    return output


class LocalResponseNorm(nn.Module):
    """`local_response_norm` with the values of the paper."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns

    def forward(self, x: Tensor) -> Tensor:
        return local_response_norm(x, self.columns)


class BatchNorm(nn.BatchNorm2d):
    """(x - mean) / sqrt(variance + eps) * gain + bias, over the batch and the pixels (Ioffe and Szegedy 2015, 1502.03167).

    Evaluation uses running means and variances. They stay in float32 in a network of bfloat16, whose rounding would lose
    steps of 1 % of a value.

    One value for each channel, of one picture whose map has one pixel, has no variance: training then normalises it by the
    running values too, and leaves them as they are.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "BatchNorm":
        """Moves the running values with the weights, and leaves them in float32 where the weights get narrower."""
        mean, variance = self.running_mean, self.running_var
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.weight.dtype.itemsize < mean.dtype.itemsize == torch.float32.itemsize:
            self.running_mean, self.running_var = mean.to(self.weight.device), variance.to(self.weight.device)
        return self

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        measures = self.training and x.numel() > x.shape[1]
        if measures:
            self.num_batches_tracked.add_(1)
        gain, bias = self.weight.to(self.running_mean.dtype), self.bias.to(self.running_mean.dtype)
        return F.batch_norm(
            x, self.running_mean, self.running_var, gain, bias, measures, self.momentum or 0.0, self.eps
        )


class ChannelGate(nn.Module):
    """sigmoid(W2 f(W1 mean(x) + b1) + b2) for an activation f, the mean over the pixels of each channel: a gate per channel."""

    def __init__(self, channels: int, inner: int, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, inner, 1)
        self.excite = nn.Conv2d(inner, channels, 1)
        self.activation = activation

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C _ _"]:
        """(B, C, 1, 1)."""
        gates: Tensor = self.excite(self.activation(self.squeeze(x.mean((2, 3), keepdim=True)))).sigmoid()
        return gates


class SqueezeExcitation(ChannelGate):
    """x times its channel gate, with silu inside as in EfficientNet; the paper has relu (Hu et al. 2017, 1709.01507)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__(channels, inner, F.silu)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        return x * super().forward(x)


class StochasticDepth(nn.Module):
    """Drops the whole of a row's residual with `probability` in training (Huang et al. 2016, 1603.09382).

    The other rows are divided by their share, so that evaluation needs no factor.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0.0 <= probability < 1.0:
            raise ValueError(f"stochastic depth must be at least 0 and below 1, found {probability}")
        self.probability = probability

    def forward(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
        if not self.training or self.probability == 0.0:
            return x
        share = 1.0 - self.probability
        rows = torch.empty(len(x), *[1] * (x.ndim - 1), dtype=x.dtype, device=x.device).bernoulli_(share)
        return x * rows.div_(share)
