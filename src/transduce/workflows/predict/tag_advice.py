"""What to say where a model that knows tags is given none: one that was trained with them alone guesses without."""

from collections.abc import Sequence

from transduce.models.model import Model
from transduce.text.tags import SYNTHETIC, name_list


def tag_advice(model: Model, given: Sequence[object], option: str = "--tag") -> str | None:
    """None where there is nothing to say. The tag of synthetic pairs is for training, so it is not counted."""
    known = [name for name in model.processors.tokenizer(model.task.key).tags if name != SYNTHETIC]
    return f"{option} is not given; the model knows {name_list(known)}" if known and not given else None
