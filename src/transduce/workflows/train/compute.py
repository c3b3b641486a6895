"""The tokens and the passes over the data that a network gets within a budget of minutes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from transduce.networks.layer_config import LayerConfig
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.table import NetworkConfig
from transduce.tasks.task import Task
from transduce.workflows.train.run_network import parameters

UPDATES_SHARE = 0.85  # of the minutes; validations take the others


@dataclass(frozen=True)
class Effort:
    """How much a network learns within a budget: its parameters, tokens that it sees, and passes over the records."""

    parameters: int
    tokens: float
    passes: float

    @property
    def tokens_per_parameter(self) -> float:
        return self.tokens / self.parameters

    @property
    def in_words(self) -> str:
        passes = f"{self.passes:,.0f}" if self.passes >= 10 else f"{self.passes:.1f}"
        return f"{passes} passes"


@dataclass(frozen=True)
class Compute:
    """A budget of minutes on a machine, for a task with so many tokens in each pass.

    rate: parameters times tokens per second, by the width of a network.
    """

    minutes: float
    epoch_tokens: float
    task: Task
    rate: Callable[[int], float]

    def with_minutes(self, minutes: float) -> "Compute":
        return replace(self, minutes=minutes)

    def effort(self, network: NetworkConfig) -> Effort | None:
        """None for a network whose cost is not known: one that does not read tokens, or of a caller's own kind."""
        if not isinstance(network, LayerConfig | SourceToTargetConfig) or not (size := parameters(self.task, network)):
            return None
        width: Any = network.d_model  # type: ignore[union-attr]
        tokens = 60 * self.minutes * UPDATES_SHARE * self.rate(width) / size
        return Effort(size, tokens, tokens / self.epoch_tokens)
