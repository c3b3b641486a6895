"""timm and torchvision, with the operators that their import needs."""

import torchvision_operators  # noqa: F401, I001  before the others
import timm
import torchvision

__all__ = ["timm", "torchvision"]
