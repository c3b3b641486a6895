"""Upsampling of images. Letters: B batch, C channels, (h, w) input size, (H, W) output size, n and N sizes of one axis."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.layers.atlas.conv2d import Pair
from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights
from transduce.layers.atlas.transposed_conv2d import transposed_conv2d

X = ((1.0, 2.0), (3.0, 4.0))


def upsample_nearest(x: Float[Tensor, "B C h w"], size: Pair) -> Float[Tensor, "B C H W"]:
    """Output pixel i is input pixel floor(i n / N)."""
    rows, columns = (torch.arange(out) * n // out for n, out in zip(x.shape[2:], size, strict=True))
    return _pixels(x, rows, columns)


def upsample_nearest_exact(x: Float[Tensor, "B C h w"], size: Pair) -> Float[Tensor, "B C H W"]:
    """Output pixel i is the input pixel under its centre: floor((i + 1/2) n / N)."""
    rows, columns = ((2 * torch.arange(out) + 1) * n // (2 * out) for n, out in zip(x.shape[2:], size, strict=True))
    return _pixels(x, rows, columns)


def _pixels(x: Tensor, rows: Int[Tensor, " H"], columns: Int[Tensor, " W"]) -> Tensor:
    return x[:, :, rows[:, None], columns]


def upsample_bilinear(
    x: Float[Tensor, "B C h w"], size: Pair, align_corners: bool = False, step: tuple[float, float] | None = None
) -> Float[Tensor, "B C H W"]:
    """Each output pixel is a mean of four neighbours, weighted by closeness: one matrix for the rows, one for the columns.

    step: input pixels per output pixel along each axis, where it is not n / N: interpolate(scale_factor=f) steps by 1 / f.
    """
    steps = step or (x.shape[2] / size[0], x.shape[3] / size[1])
    rows, columns = (
        interpolation_matrix(n, out, align_corners, each).to(x)
        for n, out, each in zip(x.shape[2:], size, steps, strict=True)
    )
    return rows @ x @ columns.T


def interpolation_matrix(n: int, out: int, align_corners: bool, step: float) -> Float[Tensor, "N n"]:
    """Row i has the weights of the inputs in output i: linear between the two inputs around its source position."""
    matrix = torch.zeros(out, n, dtype=torch.float64)
    for i in range(out):
        if align_corners:
            source = i * (n - 1) / (out - 1) if out > 1 else 0.0
        else:  # pixels are areas, and their centres correspond
            source = max((i + 0.5) * step - 0.5, 0.0)
        left = min(math.floor(source), n - 1)
        matrix[i, left] += 1 - (source - left)
        matrix[i, min(left + 1, n - 1)] += source - left
    return matrix


def bilinear_kernel(factor: int, channels: int) -> Float[Tensor, "C 1 k k"]:
    """The kernel, of stride `factor`, with which a transposed convolution interpolates: for 2, [1/4, 3/4, 3/4, 1/4] both ways."""
    size = 2 * factor - factor % 2
    centre = (size - 1) / 2
    line = 1 - (torch.arange(size) - centre).abs() / factor
    return torch.outer(line, line).expand(channels, 1, size, size)


def upsample_transposed(x: Float[Tensor, "B C h w"], weight: Float[Tensor, "C 1 k k"]) -> Float[Tensor, "B C H W"]:
    """Twice the size by a transposed convolution of each channel, with a kernel of 4 x 4 that may be learned."""
    return transposed_conv2d(x, weight, stride=(2, 2), padding=(1, 1), groups=x.shape[1])


def _input() -> Tensor:
    return torch.tensor(X).view(1, 1, 2, 2)


def _nearest_example() -> Example:
    return Example(
        {"x": _input()}, {"y": upsample_nearest(_input(), (4, 4))}, {"y": nn.Upsample(scale_factor=2)(_input())}
    )


def _nearest_exact_example() -> Example:
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]).view(1, 1, 1, 5)
    y = {"floor(i n / N)": upsample_nearest(x, (1, 3)), "nearest-exact": upsample_nearest_exact(x, (1, 3))}
    torch_y = (nn.Upsample(size=(1, 3), mode=mode)(x) for mode in ("nearest", "nearest-exact"))
    return Example({"x": x}, y, dict(zip(y, torch_y, strict=True)))


def _bilinear_example() -> Example:
    y = {"y": upsample_bilinear(_input(), (4, 4))}
    return Example({"x": _input()}, y, {"y": nn.Upsample(scale_factor=2, mode="bilinear")(_input())})


def _aligned_example() -> Example:
    y = {"y": upsample_bilinear(_input(), (4, 4), align_corners=True)}
    return Example(
        {"x": _input()}, y, {"y": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)(_input())}
    )


def _transposed_example() -> Example:
    x, weight = F.pad(_input(), (1, 1, 1, 1), mode="replicate"), bilinear_kernel(2, 1)
    module = set_weights(nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False), weight=weight)
    return Example(
        {"x": x, "weight": weight},
        {"y": upsample_transposed(x, weight)},
        {"y": module(x).detach()},
        parameter_count(module),
    )


SHAPES = "(B, C, h, w) -> (B, C, H, W)"

UPSAMPLE_NEAREST = Layer(
    name="upsample-nearest",
    purpose="Makes an image larger: each output pixel copies one input pixel.",
    formula="y[i] = x[floor(i n / N)] along each axis",
    shapes=SHAPES,
    source="common practice",
    module='torch.nn.Upsample(mode="nearest")',
    parameters="none",
    cost="one copy for each output",
    reference=upsample_nearest,
    example=_nearest_example,
    notes=("It rounds down, never up. For whole factors each pixel becomes a block.",),
)

UPSAMPLE_NEAREST_EXACT = Layer(
    name="upsample-nearest-exact",
    purpose="Changes the size of an image: each output pixel copies the input pixel under its centre.",
    formula="y[i] = x[floor((i + 1/2) n / N)] along each axis",
    shapes=SHAPES,
    source="the rule of Pillow and scikit-image",
    module='torch.nn.Upsample(mode="nearest-exact")',
    parameters="none",
    cost="one copy for each output",
    reference=upsample_nearest_exact,
    example=_nearest_exact_example,
    notes=("For whole factors it equals `nearest`; the example shrinks 5 pixels to 3, where both differ.",),
)

UPSAMPLE_BILINEAR = Layer(
    name="upsample-bilinear",
    purpose="Makes an image larger and smooth: each output pixel is a weighted mean of four input pixels.",
    formula="y = R x C^T; row i of R and of C is linear between the inputs around max((i + 1/2) n / N - 1/2, 0)",
    shapes=SHAPES,
    source="common practice; half-pixel centres",
    module='torch.nn.Upsample(mode="bilinear")',
    parameters="none",
    cost="4 multiplications for each output",
    reference=upsample_bilinear,
    example=_bilinear_example,
    notes=(
        "Pixels are areas: the centre of output i lies at (i + 1/2) n / N of the input.",
        "A scale_factor f steps by 1 / f exactly, also where f n is no whole number; recompute_scale_factor=True steps by n / N.",
        "It smooths nothing when an image shrinks: antialias=True is another filter.",
    ),
)

UPSAMPLE_BILINEAR_ALIGNED = Layer(
    name="upsample-bilinear-aligned",
    purpose="Bilinear upsampling whose corner pixels stay at the corners.",
    formula="y = R x C^T; row i of R and of C is linear between the inputs around i (n - 1) / (N - 1)",
    shapes=SHAPES,
    source="common practice; aligned corners",
    module='torch.nn.Upsample(mode="bilinear", align_corners=True)',
    parameters="none",
    cost="4 multiplications for each output",
    reference=upsample_bilinear,
    example=_aligned_example,
    notes=(
        "The distance of source positions depends on the size of the image, so a crop is enlarged otherwise than the whole.",
        "An output of one pixel is input 0.",
    ),
)

UPSAMPLE_TRANSPOSED = Layer(
    name="upsample-transposed",
    purpose="Upsampling with a kernel that may be learned; it begins as bilinear interpolation.",
    formula="transposed convolution, stride 2, padding 1, kernel k k^T with k = [1/4, 3/4, 3/4, 1/4]",
    shapes="(B, C, h, w) -> (B, C, 2h, 2w); weight (C, 1, 4, 4)",
    source="Long, Shelhamer and Darrell 2014, Fully Convolutional Networks, 1411.4038",
    module="torch.nn.ConvTranspose2d(C, C, 4, stride=2, padding=1, groups=C)",
    parameters="16 for each channel",
    cost="4 multiplications for each output",
    reference=upsample_transposed,
    example=_transposed_example,
    notes=(
        "It equals bilinear upsampling with half-pixel centres except at the border, where it sees zeros.",
        "In the example [[1, 2], [3, 4]] is padded with its own border, and the middle of the output equals upsample-bilinear.",
    ),
)
