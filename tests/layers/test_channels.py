"""Batch norm in a narrow number format."""

import torch
from torch import nn

from transduce.layers.channels import BatchNorm


def test_batch_norm_is_pytorch_s() -> None:
    torch.manual_seed(0)
    own, reference = BatchNorm(3), nn.BatchNorm2d(3)
    for _ in range(3):
        x = torch.randn(4, 3, 5, 5) * 2 + 1
        torch.testing.assert_close(own(x), reference(x))
    torch.testing.assert_close(own.state_dict(), reference.state_dict())
    torch.testing.assert_close(own.eval()(x), reference.eval()(x))


def test_running_values_follow_small_steps_in_bfloat16() -> None:
    """1,000 steps of 0.1 % bring the mean to 1 - 0.999^1000 of that of the batches; bfloat16 alone stops far below."""
    norm = BatchNorm(1, momentum=0.001).to(torch.bfloat16)
    x = torch.tensor([0.0, 2.0], dtype=torch.bfloat16).view(2, 1, 1, 1)
    for _ in range(1_000):
        y = norm(x)
    assert y.dtype == norm.weight.dtype == torch.bfloat16 and norm.running_mean.dtype == torch.float32
    torch.testing.assert_close(norm.running_mean, torch.tensor([1 - 0.999**1_000]), rtol=1e-3, atol=0)
    y.sum().backward()
    assert norm.weight.grad is not None and norm.weight.grad.dtype == torch.bfloat16


def test_one_value_for_each_channel_is_normalised_by_the_running_values() -> None:
    torch.manual_seed(0)
    norm = BatchNorm(3)
    norm(torch.randn(4, 3, 2, 2) + 5)
    before = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
    x = torch.randn(1, 3, 1, 1, requires_grad=True)
    y = norm(x)
    torch.testing.assert_close(norm.state_dict(), before)
    torch.testing.assert_close(y, norm.eval()(x))
    y.sum().backward()
    assert x.grad is not None and x.grad.abs().min() > 0


def test_other_moves_change_the_running_values_too() -> None:
    assert BatchNorm(2).double().running_var.dtype == torch.float64
    assert BatchNorm(2).to("meta").running_mean.device.type == "meta"
    assert BatchNorm(2).to(torch.bfloat16).float().running_mean.dtype == torch.float32
