"""Upsampling against PyTorch."""

import math

import pytest
import torch
from layer_agreement import agree
from torch.nn import functional as F

from transduce.layers.atlas.upsampling import (
    bilinear_kernel,
    interpolation_matrix,
    upsample_bilinear,
    upsample_nearest,
    upsample_nearest_exact,
    upsample_transposed,
)

SIZES = [((2, 3), (4, 6)), ((3, 2), (7, 5)), ((5, 4), (3, 1)), ((1, 6), (4, 4)), ((4, 4), (4, 4))]


@pytest.mark.parametrize(("size", "output"), SIZES)
def test_nearest(size, output):
    x = torch.randn(2, 2, *size)
    agree(lambda x: upsample_nearest(x, output), lambda x: F.interpolate(x, output, mode="nearest"), x)
    agree(lambda x: upsample_nearest_exact(x, output), lambda x: F.interpolate(x, output, mode="nearest-exact"), x)


def test_nearest_rounds_down():
    x = torch.tensor([[1.0, 2.0]]).view(1, 1, 1, 2)
    assert upsample_nearest(x, (1, 4)).flatten().tolist() == [1, 1, 2, 2]
    assert upsample_nearest(x, (1, 3)).flatten().tolist() == [1, 1, 2]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("size", "output"), SIZES)
def test_bilinear(size, output, align_corners):
    agree(
        lambda x: upsample_bilinear(x, output, align_corners),
        lambda x: F.interpolate(x, output, mode="bilinear", align_corners=align_corners),
        torch.randn(2, 2, *size),
    )


def test_a_scale_factor_is_used_as_it_is():
    """5 * 1.7 = 8.5, so 8 pixels; they are 1 / 1.7 apart, not 5 / 8."""
    x = torch.randn(1, 1, 5, 5, dtype=torch.float64)
    size = (math.floor(5 * 1.7),) * 2
    for recompute, step in ((False, 1 / 1.7), (True, 5 / 8)):
        expected = F.interpolate(x, scale_factor=1.7, mode="bilinear", recompute_scale_factor=recompute)
        torch.testing.assert_close(upsample_bilinear(x, size, step=(step, step)), expected, rtol=1e-12, atol=1e-12)


def test_one_aligned_output_is_the_first_input():
    assert interpolation_matrix(3, 1, True, 3.0).tolist() == [[1, 0, 0]]


def test_the_kernel_of_factor_two():
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    torch.testing.assert_close(bilinear_kernel(2, 3), torch.outer(line, line).expand(3, 1, 4, 4))


def test_a_transposed_convolution_interpolates():
    """In the interior as it is, everywhere if the image is framed with its own border and the rest is cut away."""
    torch.manual_seed(1)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    kernel, expected = bilinear_kernel(2, 3).double(), upsample_bilinear(x, (8, 10))
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(upsample_transposed(x, kernel)[inner], expected[inner])
    framed = F.pad(x, (1, 1, 1, 1), mode="replicate")
    torch.testing.assert_close(F.conv_transpose2d(framed, kernel, stride=2, padding=3, groups=3), expected)
    torch.testing.assert_close(upsample_transposed(framed, kernel)[..., 2:-2, 2:-2], expected)
