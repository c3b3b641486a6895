"""Imports torchvision and timm where torchvision's compiled part does not load.

The wheels of torchvision on PyPI are built for CUDA. With a CPU build of torch its operators are missing, and its import
stops at two declarations of them. Models and layers, which the tests compare with, need none of these operators.
"""

import torch

_library = torch.library.Library("torchvision", "FRAGMENT")
for _operator in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, _operator):
        _library.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm  # noqa: E402
import torchvision  # noqa: E402

__all__ = ["timm", "torchvision"]
