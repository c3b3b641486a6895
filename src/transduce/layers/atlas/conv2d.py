"""Convolution of images.

Letters: B batch, C input channels, O output channels, G groups, k kernel, (h, w) input size, (H, W) output size.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights

Pair = tuple[int, int]


def conv2d(
    x: Float[Tensor, "B C h w"],
    weight: Float[Tensor, "O C_in_group kh kw"],
    bias: Float[Tensor, " O"] | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Float[Tensor, "B O H W"]:
    """y[o, i, j] = b[o] + sum over c, u, v of W[o, c, u, v] x[c, i s + u d - p, j s + v d - p]; zeros lie outside x."""
    outputs, _, *kernel = weight.shape
    height, width = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    )
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0])).unflatten(1, (groups, -1))  # (B, G, C/G, h, w)
    weight = weight.unflatten(0, (groups, -1))  # (G, O/G, C/G, kh, kw)
    y = x.new_zeros(len(x), groups, outputs // groups, height, width)
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            rows = slice(u * dilation[0], u * dilation[0] + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(v * dilation[1], v * dilation[1] + (width - 1) * stride[1] + 1, stride[1])
            y = y + torch.einsum("bgchw,goc->bgohw", x[..., rows, columns], weight[..., u, v])
    y = y.flatten(1, 2)
    return y if bias is None else y + bias[:, None, None]


def _example() -> Example:
    x, bias = torch.arange(1.0, 10.0).view(1, 1, 3, 3), torch.tensor([0.5])
    weight = torch.tensor([[-1.0, 1.0], [1.0, -1.0]]).view(1, 1, 2, 2)
    module = set_weights(nn.Conv2d(1, 1, 2), weight=weight, bias=bias)
    return Example(
        {"x": x, "weight": weight, "bias": bias},
        {"y": conv2d(x, weight, bias)},
        {"y": module(x).detach()},
        parameter_count(module),
    )


CONV2D = Layer(
    name="conv2d",
    purpose="The same small window of weights at every place of an image, so that a pattern is seen wherever it is.",
    formula="y[o, i, j] = b[o] + sum_cuv W[o, c, u, v] x[c, i*s + u*d - p, j*s + v*d - p]",
    shapes="(B, C, h, w) -> (B, O, H, W), H = floor((h + 2p - d(k - 1) - 1) / s) + 1; weight (O, C/G, k, k)",
    source="LeCun et al. 1989, Backpropagation Applied to Handwritten Zip Code Recognition",
    module="torch.nn.Conv2d",
    parameters="O * (C/G) * k * k + O",
    cost="H * W * O * (C/G) * k * k multiplications for each image",
    reference=conv2d,
    example=_example,
    notes=(
        "The kernel is not flipped: in signal processing this is a cross-correlation.",
        "In the example every window has the same sum -1+2+4-5 = 0 before the bias, since x grows evenly.",
        "Groups split the channels: group g of the output reads group g of the input only. G = C is depthwise.",
    ),
)
