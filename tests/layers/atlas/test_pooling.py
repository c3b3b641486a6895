"""Pooling against PyTorch."""

import random

import pytest
import torch
from layer_agreement import agree
from torch.nn import functional as F

from transduce.layers.atlas.pooling import average_pool2d, max_pool2d


def settings(seed):
    draw = random.Random(seed)
    kernel, stride = ([draw.randint(1, 3) for _ in range(2)] for _ in range(2))
    padding = [draw.randint(0, k // 2) for k in kernel]
    dilation = [draw.randint(1, 2) for _ in range(2)]
    size = [d * (k - 1) + 1 + draw.randint(0, 5) for k, d in zip(kernel, dilation, strict=True)]
    torch.manual_seed(seed)
    return (tuple(each) for each in (kernel, stride, padding, dilation, size))


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_maximum(seed, ceil_mode):
    kernel, stride, padding, dilation, size = settings(seed)
    agree(
        lambda x: max_pool2d(x, kernel, stride, padding, dilation, ceil_mode),
        lambda x: F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode),
        torch.randn(2, 2, *size),
    )


@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_average(seed, ceil_mode, count_include_pad):
    kernel, stride, padding, _, size = settings(seed)
    agree(
        lambda x: average_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad),
        lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad),
        torch.randn(2, 2, *size),
    )


def test_padding_never_is_the_maximum():
    assert (max_pool2d(-torch.ones(1, 1, 3, 3), (3, 3), (1, 1), (1, 1)) == -1).all()


def test_zeros_of_the_padding_count_by_default():
    ones = torch.ones(1, 1, 3, 3)
    assert average_pool2d(ones, (3, 3), (1, 1), (1, 1))[0, 0, 0, 0].item() == pytest.approx(4 / 9)
    assert average_pool2d(ones, (3, 3), (1, 1), (1, 1), count_include_pad=False)[0, 0, 0, 0].item() == 1.0


def test_no_window_starts_in_the_padding_at_the_right():
    """Of 3 pixels with padding 1, windows of 2 at stride 3 would start at -1, 2 and 5: the last one is beyond x."""
    x = torch.arange(1.0, 4.0).view(1, 1, 1, 3)
    y = max_pool2d(x, (1, 2), (1, 3), (0, 1), ceil_mode=True)
    assert y.flatten().tolist() == F.max_pool2d(x, (1, 2), (1, 3), (0, 1), ceil_mode=True).flatten().tolist() == [1, 3]


@pytest.mark.parametrize("pool", [lambda x: max_pool2d(x, (2, 2), (2, 2)), lambda x: F.max_pool2d(x, 2)])
def test_the_gradient_of_equal_numbers_goes_to_the_first(pool):
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(pool(x).sum(), x)
    assert gradient.flatten().tolist() == [1, 0, 0, 0]
