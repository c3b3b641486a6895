"""Convolution and transposed convolution against PyTorch, and against each other."""

import itertools
import random

import pytest
import torch
from layer_agreement import agree
from torch.nn import functional as F

from transduce.layers.atlas.conv2d import conv2d
from transduce.layers.atlas.transposed_conv2d import transposed_conv2d


def settings(seed):
    """Random channels, sizes, kernel, stride, padding, dilation and groups of a convolution that has an output."""
    draw = random.Random(seed)
    groups = draw.choice([1, 2, 3])
    channels, outputs = groups * draw.randint(1, 2), groups * draw.randint(1, 2)
    kernel, stride, dilation = ([draw.randint(1, 3) for _ in range(2)] for _ in range(3))
    padding = [draw.randint(0, 2) for _ in range(2)]
    size = [d * (k - 1) + 1 + draw.randint(0, 5) for k, d in zip(kernel, dilation, strict=True)]
    places = {"stride": tuple(stride), "padding": tuple(padding), "dilation": tuple(dilation), "groups": groups}
    torch.manual_seed(seed)
    return channels, outputs, kernel, size, places


@pytest.mark.parametrize("seed", range(20))
def test_convolution(seed):
    channels, outputs, kernel, size, places = settings(seed)
    x, bias = torch.randn(2, channels, *size), torch.randn(outputs)
    weight = torch.randn(outputs, channels // places["groups"], *kernel)
    agree(lambda *each: conv2d(*each, **places), lambda *each: F.conv2d(*each, **places), x, weight, bias)


@pytest.mark.parametrize("seed", range(20))
def test_transposed_convolution(seed):
    channels, outputs, kernel, size, places = settings(seed)
    larger = [max(s, d) for s, d in zip(places["stride"], places["dilation"], strict=True)]
    places["output_padding"] = tuple(random.Random(seed).randrange(each) for each in larger)
    full = [
        (n - 1) * s - 2 * p + d * (k - 1) + more + 1
        for n, k, s, p, d, more in zip(
            size, kernel, *(places[each] for each in ("stride", "padding", "dilation", "output_padding")), strict=True
        )
    ]
    if min(full) < 1:
        places["padding"] = (0, 0)
    x, bias = torch.randn(2, channels, *size), torch.randn(outputs)
    weight = torch.randn(channels, outputs // places["groups"], *kernel)
    agree(
        lambda *each: transposed_conv2d(*each, **places),
        lambda *each: F.conv_transpose2d(*each, **places),
        x,
        weight,
        bias,
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_transposed_convolution_is_the_adjoint(seed):
    """<conv(x), g> = <x, transposed(g)> with one weight."""
    channels, outputs, kernel, size, places = settings(seed)
    x = torch.randn(2, channels, *size, dtype=torch.float64)
    weight = torch.randn(outputs, channels // places["groups"], *kernel, dtype=torch.float64)
    y = conv2d(x, weight, **places)
    g = torch.randn_like(y)
    between = zip(size, y.shape[2:], kernel, places["stride"], places["padding"], places["dilation"], strict=True)
    more = tuple(n - ((m - 1) * s - 2 * p + d * (k - 1) + 1) for n, m, k, s, p, d in between)
    back = transposed_conv2d(g, weight, output_padding=more, **places)
    torch.testing.assert_close((y * g).sum(), (x * back).sum(), rtol=1e-12, atol=1e-12)


def test_the_kernel_is_not_flipped():
    x, weight = torch.zeros(1, 1, 3, 3), torch.arange(9.0).view(1, 1, 3, 3)
    x[0, 0, 1, 1] = 1.0
    torch.testing.assert_close(conv2d(x, weight, padding=(1, 1)), weight.flip(2, 3))


def test_a_wide_convolution_is_one_sum_for_each_output():
    torch.manual_seed(0)
    x, weight = torch.randn(1, 2, 4, 5, dtype=torch.float64), torch.randn(3, 2, 2, 3, dtype=torch.float64)
    y = conv2d(x, weight)
    for o, i, j in itertools.product(range(3), range(3), range(3)):
        window = x[0, :, i : i + 2, j : j + 3]
        torch.testing.assert_close(y[0, o, i, j], (window * weight[o]).sum())
