"""Texts that commands print without loading PyTorch. `make pages` writes them, and a test compares them with the code."""

import json
from importlib import resources
from typing import Any


def read_table(name: str) -> Any:
    """The content of NAME.json in this folder."""
    return json.loads(resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
