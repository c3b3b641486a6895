"""Batch, layer, instance, group and RMS normalisation against PyTorch: outputs, gradients, running statistics."""

import pytest
import torch
from layer_agreement import agree
from torch import nn
from torch.nn import functional as F

from transduce.layers.atlas.batch_norm import batch_norm, batch_norm_in_use, update_running
from transduce.layers.atlas.group_norm import group_norm
from transduce.layers.atlas.instance_norm import instance_norm, update_instance_running
from transduce.layers.atlas.layer_norm import layer_norm
from transduce.layers.norms import rms_norm

SHAPES = [(4, 6), (3, 6, 5), (2, 6, 3, 4)]


def inputs(shape, channels):
    torch.manual_seed(len(shape))
    return torch.randn(shape) * 3 + 1, torch.randn(channels), torch.randn(channels)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm(shape):
    agree(batch_norm, lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), *inputs(shape, 6))


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
def test_running_statistics_of_batch_norm(momentum):
    module = nn.BatchNorm2d(3, momentum=momentum).double()
    mean, variance = torch.zeros(3).double(), torch.ones(3).double()
    torch.manual_seed(2)
    for batch in range(1, 4):
        x = torch.randn(2, 3, 4, 5).double() * batch + batch
        module(x)
        mean, variance = update_running(mean, variance, x, momentum, batch)
        torch.testing.assert_close(module.running_mean, mean)
        torch.testing.assert_close(module.running_var, variance)
    x = torch.randn(2, 3, 4, 5).double()
    expected = batch_norm_in_use(x, mean, variance, module.weight, module.bias)
    torch.testing.assert_close(module.eval()(x), expected)


def test_batch_norm_needs_two_values_per_channel():
    with pytest.raises(ValueError, match="more than one value per channel"):
        batch_norm(torch.ones(1, 3), torch.ones(3), torch.zeros(3))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.BatchNorm1d(3)(torch.ones(1, 3))


@pytest.mark.parametrize("axes", [(5,), (3, 5)])
def test_layer_norm(axes):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 3, 5), torch.randn(axes), torch.randn(axes)
    agree(layer_norm, lambda x, w, b: F.layer_norm(x, axes, w, b), x, weight, bias)


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_instance_norm(shape):
    x, _, _ = inputs(shape, 6)
    agree(instance_norm, F.instance_norm, x)


def test_running_statistics_of_instance_norm():
    module = nn.InstanceNorm2d(3, track_running_stats=True).double()
    assert module.affine is False
    mean, variance = torch.zeros(3).double(), torch.ones(3).double()
    for _ in range(3):
        x = torch.randn(4, 3, 2, 5).double()
        module(x)
        mean, variance = update_instance_running(mean, variance, x)
    torch.testing.assert_close(module.running_mean, mean)
    torch.testing.assert_close(module.running_var, variance)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", SHAPES[1:])
def test_group_norm(shape, groups):
    agree(lambda x, w, b: group_norm(x, groups, w, b), lambda x, w, b: F.group_norm(x, groups, w, b), *inputs(shape, 6))


def test_group_norm_has_instance_and_layer_norm_as_ends():
    x, one, zero = torch.randn(2, 6, 3, 4), torch.ones(6), torch.zeros(6)
    torch.testing.assert_close(group_norm(x, 6, one, zero), instance_norm(x))
    whole = layer_norm(x, torch.ones(6, 3, 4), torch.zeros(6, 3, 4))
    torch.testing.assert_close(group_norm(x, 1, one, zero), whole)


def test_rms_norm():
    torch.manual_seed(0)
    x, gain = torch.randn(3, 5), torch.randn(5)
    agree(lambda x, g: rms_norm(x, g, 1e-6), lambda x, g: F.rms_norm(x, (5,), g, 1e-6), x, gain)
    small = torch.full((1, 4), 1e-4)  # with squares below the machine epsilon, eps=None shows
    expected = rms_norm(small, torch.ones(4), torch.finfo(torch.float32).eps)
    torch.testing.assert_close(nn.RMSNorm(4)(small), expected)


def test_rms_norm_is_layer_norm_without_the_mean():
    x = torch.randn(3, 5).double()
    x = x - x.mean(-1, keepdim=True)
    one, zero = torch.ones(5).double(), torch.zeros(5).double()
    torch.testing.assert_close(rms_norm(x, one, 1e-5), layer_norm(x, one, zero))
