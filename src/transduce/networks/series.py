"""The base of all configs of networks that read numeric series.

Letters: B rows, T steps of the history, H steps of the horizon, F features.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn


@dataclass(frozen=True)
class SeriesNetworkConfig(ABC):
    """A network that reads a history (B, T, F) and gives the steps that follow (B, H, F)."""

    stacks: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def build(self, features: int, horizon: int) -> nn.Module:
        """With fresh weights, for steps of `features` numbers and a future of `horizon` steps."""
