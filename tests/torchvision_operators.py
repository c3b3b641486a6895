"""Declares two operators of torchvision where its compiled part does not load.

The wheels of torchvision on PyPI are built for CUDA. With a CPU build of torch its operators are missing, and its import
stops at two declarations of them; timm and transformers import it. What the tests compare with needs none of them.
"""

import torch

_library = torch.library.Library("torchvision", "FRAGMENT")
for _operator in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, _operator):
        _library.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
