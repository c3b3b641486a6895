"""Transposed convolution of images.

Letters: B batch, C input channels, O output channels, G groups, k kernel, (h, w) input size, (H, W) output size.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.conv2d import Pair
from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights


def transposed_conv2d(
    x: Float[Tensor, "B C h w"],
    weight: Float[Tensor, "C O_in_group kh kw"],
    bias: Float[Tensor, " O"] | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    output_padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Float[Tensor, "B O H W"]:
    """Each input pixel adds the kernel, times its value, to the output around i * stride; then the padding is cut away."""
    kernel, (height, width) = weight.shape[2:], x.shape[2:]
    full = [
        (n - 1) * s + d * (k - 1) + 1 + more
        for n, k, s, d, more in zip((height, width), kernel, stride, dilation, output_padding, strict=True)
    ]
    x = x.unflatten(1, (groups, -1))  # (B, G, C/G, h, w)
    weight = weight.unflatten(0, (groups, -1))  # (G, C/G, O/G, kh, kw)
    y = x.new_zeros(len(x), groups, weight.shape[2], *full)
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            rows = slice(u * dilation[0], u * dilation[0] + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(v * dilation[1], v * dilation[1] + (width - 1) * stride[1] + 1, stride[1])
            y[..., rows, columns] += torch.einsum("bgchw,gco->bgohw", x, weight[..., u, v])
    y = y.flatten(1, 2)[..., padding[0] : full[0] - padding[0], padding[1] : full[1] - padding[1]]
    return y if bias is None else y + bias[:, None, None]


def _example() -> Example:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
    weight = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]).view(1, 1, 3, 3)
    module = set_weights(nn.ConvTranspose2d(1, 1, 3, stride=2, bias=False), weight=weight)
    return Example(
        {"x": x, "weight": weight},
        {"y": transposed_conv2d(x, weight, stride=(2, 2))},
        {"y": module(x).detach()},
        parameter_count(module),
    )


TRANSPOSED_CONV2D = Layer(
    name="transposed-conv2d",
    purpose="Makes an image larger: each input pixel spreads a small window of weights over the output.",
    formula="y[o, i*s + u*d - p, j*s + v*d - p] += W[c, o, u, v] x[c, i, j]",
    shapes="(B, C, h, w) -> (B, O, H, W), H = (h - 1)s - 2p + d(k - 1) + output_padding + 1; weight (C, O/G, k, k)",
    source="Zeiler et al. 2010, Deconvolutional Networks; Dumoulin and Visin 2016, 1603.07285",
    module="torch.nn.ConvTranspose2d",
    parameters="C * (O/G) * k * k + O",
    cost="h * w * C * (O/G) * k * k multiplications for each image",
    reference=transposed_conv2d,
    example=_example,
    notes=(
        "It is the adjoint of the convolution with the same weight: <conv(x), g> = <x, transposed(g)>. It is no inverse.",
        "The weight has the input channels first. Its fans in torch.nn.init therefore come out swapped.",
        "Several input sizes have one convolved size; output_padding says which of them to return to.",
        "Kernel sizes that the stride does not divide give a checkerboard pattern.",
    ),
)
