"""The base of all configs of networks that read pictures.

Letters: B rows, C channels, h height, w width.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn


@dataclass(frozen=True)
class PictureNetworkConfig(ABC):
    """A network that reads pixels (B, C, h, w), in float, and gives logits (B, classes)."""

    stacks: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def build(self, classes: int, channels: int, size: int) -> nn.Module:
        """With fresh weights, for pictures of `channels` channels that are `size` pixels high and wide."""
