"""The page of an attention mechanism: its description, and its weights in a small example.

Letters: R rows, C columns of the weights, H heads.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from transduce import config
from transduce.attention.catalogue import MECHANISMS, mechanism
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.config.toml import inline

WIDTH, SEED = 8, 1


@dataclass(frozen=True)
class Page:
    """A mechanism, and its weights for its example inputs, for each head. The parameters have their initial values."""

    mechanism: Mechanism
    weights: Float[Tensor, "H R C"]
    parameters: int


def page(name: str) -> Page:
    """ValueError for an unknown name."""
    row = mechanism(name)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        inputs = row.inputs(1, WIDTH)
        module = row.build(WIDTH).eval()
        weights = module.weights(*inputs)[0]
    heads = weights[(None,) * (3 - weights.ndim)]
    return Page(row, heads, sum(each.numel() for each in module.parameters()))


def names() -> list[tuple[str, str, str]]:
    """Each mechanism's name, whether a run file may name it, and its purpose."""
    return [(name, "run file" if row.in_models else "", row.purpose) for name, row in MECHANISMS.items()]


def in_run_file(row: Mechanism) -> list[tuple[str, str]]:
    """How a run file names a mechanism, for which attention, and its options."""
    if row.in_models is None:
        return [("run file", "in no layer of a model")]
    options = config.describe(row.in_models)
    value: object = row.name
    if options:
        value = {
            "kind": row.name,
            **{option.key: getattr(row.in_models(), option.key.replace("-", "_")) for option in options},
        }
    places = ", ".join(row.in_models.places)
    return [
        ("run file", f"attention = {inline(value)}; for {places}"),
        *((option.key, f"{option.text}; {option.type}, default {option.default}") for option in options),
    ]
