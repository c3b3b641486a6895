"""The number format of a run."""

from transduce.machine.hardware import bf16_is_fast
from transduce.training.config import Precision, TrainingConfig


def precision_of(training: TrainingConfig, device: str) -> Precision:
    """The format that a run asks for; "auto" is what suits the device."""
    if training.precision != "auto":
        return training.precision
    return "bf16" if bf16_is_fast(device) else "float32"
