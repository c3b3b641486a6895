"""The recipes' scripts as modules."""

import importlib.util
from pathlib import Path
from types import ModuleType

RECIPES = Path(__file__).parents[2] / "recipes"


def load_script(path: Path) -> ModuleType:
    """The script under a name of its own, as several recipes have a get_data.py."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}-{path.stem}".replace("-", "_"), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
