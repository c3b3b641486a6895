"""Pooling of images. Letters: B batch, C channels, k window, (h, w) input size, (H, W) output size."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.layers.atlas.conv2d import Pair
from transduce.layers.atlas.layer import Example, Layer

X = ((1.0, 3.0, 2.0, 4.0), (5.0, 2.0, 6.0, 8.0), (3.0, 1.0, 0.0, 7.0), (4.0, 2.0, 1.0, 9.0))


def max_pool2d(
    x: Float[Tensor, "B C h w"],
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Float[Tensor, "B C H W"]:
    """The largest number of each window. -infinity lies outside x."""
    height, width = _windows(x, kernel, stride, padding, dilation, ceil_mode)
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]), value=-math.inf)
    y = []
    for i in range(height):
        for j in range(width):
            rows = slice(i * stride[0], i * stride[0] + (kernel[0] - 1) * dilation[0] + 1, dilation[0])
            columns = slice(j * stride[1], j * stride[1] + (kernel[1] - 1) * dilation[1] + 1, dilation[1])
            window = x[:, :, rows, columns].flatten(2)
            y.append(window.gather(2, window.argmax(2, keepdim=True)))  # its gradient goes to one number
    return torch.cat(y, -1).view(*x.shape[:2], height, width)


def average_pool2d(
    x: Float[Tensor, "B C h w"],
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Float[Tensor, "B C H W"]:
    """The mean of each window. Zeros lie outside x; `count_include_pad` tells whether those of the padding count."""
    height, width = _windows(x, kernel, stride, padding, (1, 1), ceil_mode)
    around = padding[1], padding[1], padding[0], padding[0]
    counts = F.pad(torch.ones_like(x), around, value=float(count_include_pad))
    x = F.pad(x, around)
    y = []
    for i in range(height):
        for j in range(width):
            rows = slice(i * stride[0], i * stride[0] + kernel[0])
            columns = slice(j * stride[1], j * stride[1] + kernel[1])
            y.append(x[:, :, rows, columns].sum((2, 3)) / counts[:, :, rows, columns].sum((2, 3)))
    return torch.stack(y, -1).view(*x.shape[:2], height, width)


def _windows(x: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> tuple[int, ...]:
    """The number of windows along each axis. With `ceil_mode` the last one may stick out, but it starts inside x or left of it."""
    counts = []
    for size, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True):
        free = size + 2 * p - d * (k - 1) - 1
        count = (-(-free // s) if ceil_mode else free // s) + 1
        counts.append(count - 1 if ceil_mode and (count - 1) * s >= size + p else count)
    return tuple(counts)


def _max_example() -> Example:
    x = torch.tensor(X).view(1, 1, 4, 4)
    return Example({"x": x}, {"y": max_pool2d(x, (2, 2), (2, 2))}, {"y": nn.MaxPool2d(2)(x)})


def _average_example() -> Example:
    x = torch.tensor(X).view(1, 1, 4, 4)
    return Example({"x": x}, {"y": average_pool2d(x, (2, 2), (2, 2))}, {"y": nn.AvgPool2d(2)(x)})


MAX_POOL2D = Layer(
    name="max-pool2d",
    purpose="Makes an image smaller: the strongest response of each window stays.",
    formula="y[i, j] = max over u, v of x[i*s + u*d - p, j*s + v*d - p]",
    shapes="(B, C, h, w) -> (B, C, H, W), H = floor((h + 2p - d(k - 1) - 1) / s) + 1; ceil instead with ceil_mode",
    source="Riesenhuber and Poggio 1999; Scherer, Müller and Behnke 2010",
    module="torch.nn.MaxPool2d",
    parameters="none",
    cost="k * k comparisons for each output",
    reference=max_pool2d,
    example=_max_example,
    notes=(
        "Padding is -infinity, not 0: else a window of negative numbers would give 0.",
        "Where two numbers are equal, the gradient goes to the first.",
        "ceil_mode drops a window that would start in the padding at the right.",
        "Example: windows of 2 x 2, stride 2.",
    ),
)

AVERAGE_POOL2D = Layer(
    name="average-pool2d",
    purpose="Makes an image smaller: the mean of each window stays.",
    formula="y[i, j] = mean over u, v of x[i*s + u - p, j*s + v - p]",
    shapes="(B, C, h, w) -> (B, C, H, W), H = floor((h + 2p - k) / s) + 1; ceil instead with ceil_mode",
    source="LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition",
    module="torch.nn.AvgPool2d",
    parameters="none",
    cost="k * k additions for each output",
    reference=average_pool2d,
    example=_average_example,
    notes=(
        "Zeros of the padding count by default: a corner of ones under a 3 x 3 window with padding 1 gives 4/9.",
        "Beyond the padding, where ceil_mode lets a window stick out, nothing counts.",
        "Example: windows of 2 x 2, stride 2.",
    ),
)
