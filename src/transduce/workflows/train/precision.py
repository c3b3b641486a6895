"""The number format of a run."""

from transduce.machine.hardware import best_device, bf16_is_fast
from transduce.training.config import Precision, TrainingConfig


def precision_of(training: TrainingConfig) -> Precision:
    """The format that a run asks for; "auto" is what suits this machine."""
    if training.precision != "auto":
        return training.precision
    return "bf16" if bf16_is_fast(best_device()) else "float32"
