"""A setting that the toolkit chooses for a key that its owner left out."""

from dataclasses import dataclass
from typing import Any

from transduce.config.toml import inline


@dataclass(frozen=True)
class Choice:
    """A setting by its dotted key, its value as TOML has it, and why.

    >>> print(Choice("model.dropout", 0.3, "only 5,000 pairs"))
    model.dropout = 0.3: only 5,000 pairs
    """

    key: str
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.key} = {shown(self.value)}: {self.reason}"


def shown(value: Any) -> str:
    """A value for people: a text without its quotes, "none", anything else as TOML has it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else inline(value)
