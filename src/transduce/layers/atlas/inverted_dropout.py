"""Dropout, with the mask as an argument. Letters: B batch, C channels."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer


def dropout(x: Float[Tensor, "*S"], keep: Bool[Tensor, "*S"], probability: float) -> Float[Tensor, "*S"]:
    """x / (1 - p) where `keep` is true, otherwise 0. p = 1 gives zeros."""
    scale = 0.0 if probability == 1.0 else 1.0 / (1.0 - probability)
    return torch.where(keep, x * scale, torch.zeros_like(x))


def dropout2d(x: Float[Tensor, "B C *S"], keep: Bool[Tensor, "B C"], probability: float) -> Float[Tensor, "B C *S"]:
    """Dropout of whole channels of an image."""
    return dropout(x, keep.view(*keep.shape, *[1] * (x.ndim - 2)).expand_as(x), probability)


def _by_torch(module: nn.Module, x: Tensor, keep: Tensor) -> Tensor:
    """The module's output in a draw with this mask: of many draws, the first that agrees."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        draws = torch.stack([module(x) for _ in range(1000)])
    agrees = ((draws != 0) == keep).flatten(1).all(1)
    return draws[agrees.nonzero()[0, 0]]


def _example() -> Example:
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    keep = torch.tensor([True, False, False, True, False])
    outputs = {"y": dropout(x, keep, 0.5)}
    return Example({"x": x, "keep": keep.float()}, outputs, {"y": _by_torch(nn.Dropout(0.5), x, keep)})


def _example_2d() -> Example:
    x = torch.arange(1.0, 13.0).view(1, 3, 2, 2)
    keep = torch.tensor([[True, False, True]])
    same = keep[:, :, None, None].expand_as(x)
    outputs = {"y": dropout2d(x, keep, 0.5)}
    torch_outputs = {"y": _by_torch(nn.Dropout2d(0.5), x, same)}
    return Example({"x": x, "keep": keep.float()}, outputs, torch_outputs, rows=2)


DROPOUT = Layer(
    name="dropout",
    purpose="In training, random numbers become zero, so that no unit relies on another one.",
    formula="y = x * keep / (1 - p), keep = 1 with probability 1 - p, otherwise 0",
    shapes="any shape, the same out",
    source="Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
    module="torch.nn.Dropout; here transduce.layers.dropout.Dropout, which is faster on a CPU",
    parameters="none",
    cost="one random number for each number",
    reference=dropout,
    example=_example,
    notes=(
        "The scale 1/(1 - p) keeps the mean, so that evaluation changes nothing (inverted dropout).",
        "p = 1 gives zeros, not NaN.",
        "Tests compare values, mean and rate, never two streams of random numbers.",
    ),
)

DROPOUT2D = Layer(
    name="dropout2d",
    purpose="Dropout of whole channels, since neighbouring pixels of a channel say nearly the same.",
    formula="y[b, c] = x[b, c] * keep[b, c] / (1 - p)",
    shapes="(B, C, h, w) -> the same; the mask is (B, C)",
    source="Tompson et al. 2014, Efficient Object Localization Using Convolutional Networks, 1411.4280",
    module="torch.nn.Dropout2d",
    parameters="none",
    cost="one random number for each channel",
    reference=dropout2d,
    example=_example_2d,
    notes=(
        "PyTorch reads an input of three axes as (B, C, length), with a warning: a single image needs a batch axis.",
    ),
)
