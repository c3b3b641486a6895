"""The base of the configs of picture networks: pixels to one logit for each class.

Letters: B pictures, C channels, h height, w width.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn


@dataclass(frozen=True)
class PictureNetworkConfig(ABC):
    """A config whose module turns pixels, float (B, C, h, w), into logits (B, classes).

    The output layer of the module is its `head`.
    """

    stacks: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def build(self, classes: int, channels: int, size: int) -> nn.Module:
        """With fresh weights, for square pictures of `size` x `size` pixels. ValueError if the size does not suit it."""
