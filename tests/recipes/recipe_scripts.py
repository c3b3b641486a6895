"""The recipes' scripts as modules."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Inside, scripts import the other modules of their recipe, as Python does when it runs them."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
