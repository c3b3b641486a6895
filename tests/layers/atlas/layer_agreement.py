"""Two functions that ought to be one: equal outputs and equal gradients."""

from collections.abc import Callable

import torch
from torch import Tensor


def agree(first: Callable[..., Tensor], second: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Equal outputs, and equal gradients of all inputs: in float64 to 1e-12, in float32 to a few of its last bits."""
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-5)):
        leaves = [each.detach().to(dtype).requires_grad_() for each in inputs]
        outputs = first(*leaves), second(*leaves)
        torch.testing.assert_close(*outputs, rtol=tolerance, atol=tolerance)
        probe = torch.randn(outputs[0].shape, dtype=dtype)
        gradients = [torch.autograd.grad(output, leaves, probe) for output in outputs]
        torch.testing.assert_close(*gradients, rtol=tolerance, atol=tolerance)
