"""transduce: from pairs in files to a Transformer that its owner can train, read, check and serve.

model = transduce.load("runs/NAME/model")
model.translate(["Guten Morgen"], beam_size=4)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transduce.models.model import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(path: str | Path | Sequence[str | Path], device: str | None = None, precision: str = "float32") -> "Model":
    """A trained model from its folder, or from its run's: `translate`, `score`, and `network`, the torch module.

    Every file is checked against the folder's manifest; a ValueError says what is missing, cut short or changed. Several
    paths give an ensemble, which translates by the mean of the models' probabilities; their vocabularies must be equal.
    `device` is "cpu" or "cuda" (by default the best there is), `precision` "float32" or "bf16".
    """
    from transduce.models.ensemble import open_models  # torch takes seconds; `transduce --help` does without

    paths = [path] if isinstance(path, str | Path) else path
    return open_models([Path(each) for each in paths], device, precision)
