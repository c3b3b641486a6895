"""The page of an attention mechanism: its description, and its weights for a sentence.

Letters: T tokens.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.attention.catalogue import MECHANISMS, mechanism
from transduce.attention.mechanisms.mechanism import Mechanism

WORDS = ("the", "cat", "saw", "the", "dog", "sleep")
WIDTH, SEED = 8, 1


@dataclass(frozen=True)
class Page:
    """A mechanism, and its weights between the words of a sentence: row i shows where word i looks.

    The words have random vectors, equal words equal ones; the parameters have their initial values.
    """

    mechanism: Mechanism
    words: tuple[str, ...]
    weights: Float[Tensor, "T T"]
    parameters: int


def page(name: str) -> Page:
    """ValueError for an unknown name."""
    row = mechanism(name)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        vectors = {word: torch.randn(WIDTH) for word in WORDS}
        module = row.build(WIDTH).eval()
        x = torch.stack([vectors[word] for word in WORDS])[None]  # (1, T, D)
        weights = module.weights(x, x)[0]
    return Page(row, WORDS, weights, sum(each.numel() for each in module.parameters()))


def names() -> list[tuple[str, str]]:
    """Each mechanism's name and purpose."""
    return [(name, row.purpose) for name, row in MECHANISMS.items()]
