"""Dropout (Srivastava et al. 2014) with masks that are cheap to draw.

On a CPU `bernoulli_` draws one number for every element and takes longer than the matrix product beside it, and boolean
masks cost several times what a product of two bfloat16 tensors costs. Here one draw of 64 bits decides four elements,
15 bits each, and integer arithmetic makes the 0/1 mask in the element type's own bit pattern. The probability is a
multiple of 1/32768; the elements that stay are divided by exactly their share. On an accelerator PyTorch's own
fused dropout is used.
"""

from typing import Any

import torch
from jaxtyping import BFloat16, Float
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 1 << 15
ONE_AS_BFLOAT16 = 0x3F80  # the bits of 1.0


def keep_mask(size: int, level: int) -> BFloat16[Tensor, " size"]:
    """A flat mask of ones and zeros; each element is one with probability level / 32768."""
    draws = torch.empty((size + 3) // 4, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:size]
    draws.bitwise_right_shift_(1)  # -16384 .. 16383: the difference below cannot overflow
    draws.sub_(level - LEVELS // 2).bitwise_right_shift_(15)  # all bits set where negative
    return draws.bitwise_and_(ONE_AS_BFLOAT16).view(torch.bfloat16)


class _MaskedScale(torch.autograd.Function):
    """x * mask * scale; stores the mask alone for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return (x * mask).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return (gradients[0] * mask).mul_(ctx.scale), None, None


def dropout(x: Float[Tensor, "*shape"], probability: float, training: bool) -> Float[Tensor, "*shape"]:
    """Zeroes each element with `probability` and scales the others so that the mean stays; x itself when not training.

    Units 2, 3 and 5 of [1, 2, 3, 4, 5] dropped with probability 0.5 give [2, 0, 0, 8, 0].
    """
    if not 0.0 <= probability < 1.0:
        raise ValueError(f"dropout must be at least 0 and below 1, found {probability}")
    if not training or probability == 0.0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, probability)
    level = max(1, LEVELS - round(probability * LEVELS))
    mask = keep_mask(x.numel(), level).view(x.shape).to(x.dtype)
    output: Tensor = _MaskedScale.apply(x, mask, LEVELS / level)  # type: ignore[no-untyped-call]
    return output


class Dropout(nn.Module):
    """`dropout` as a module: active in training mode only."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.probability, self.training)


def layers_to_run(layers: int, probability: float, training: bool) -> list[int]:
    """Layer dropout (Fan et al. 2019, 1909.11556): the numbers of the layers to run; each is left out with `probability`.

    All of them when not training.
    """
    if not training or probability == 0.0:
        return list(range(layers))
    return [layer for layer in range(layers) if torch.rand(()).item() >= probability]
