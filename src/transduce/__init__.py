"""transduce: from pairs in files to a Transformer that its owner can train, read, check and serve.

model = transduce.load("runs/NAME/model")
model.translate(["Guten Morgen"], beam_size=4)
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transduce.workflows.model import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(path: str | Path, device: str | None = None, precision: str = "float32") -> "Model":
    """A trained model from its folder, or from its run's: `translate`, `score`, and `network`, the torch module.

    Every file is checked against the folder's manifest; a ValueError says what is missing, cut short or changed.
    `device` is "cpu" or "cuda" (by default the best there is), `precision` "float32" or "bf16".
    """
    from transduce.workflows.model_folder import open_model  # torch takes seconds; `transduce --help` does without

    return open_model(Path(path), device, precision)
