"""The page of a layer: its description, and its worked example, computed when the page is made."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from transduce.attention.position_layers import POSITION_LAYERS
from transduce.layers.atlas.catalogue import LAYERS
from transduce.layers.atlas.layer import Example, Layer
from transduce.terminal import table, unknown

ALL: dict[str, Layer] = {**LAYERS, **POSITION_LAYERS}


@dataclass(frozen=True)
class Page:
    """A layer and the numbers of its example.

    difference: the largest one between the reference and torch.nn; None if torch.nn has no such layer.
    """

    layer: Layer
    example: Example
    difference: float | None


def page(name: str) -> Page:
    """ValueError for an unknown name, with the nearest one."""
    if name not in ALL:
        raise ValueError(unknown("layer", name, ALL, "transduce layer"))
    example = ALL[name].example()
    differences = [
        float((example.outputs[output] - value).abs().max()) for output, value in example.torch_outputs.items()
    ]
    return Page(ALL[name], example, max(differences, default=None))


def names() -> list[tuple[str, str]]:
    """Each layer's name and purpose."""
    return [(name, layer.purpose) for name, layer in ALL.items()]


def facts(layer: Layer, example: Example) -> list[tuple[str, str]]:
    """The description without name, purpose and notes."""
    count = f"{layer.parameters}; {example.parameters:,} in the example" if example.parameters else layer.parameters
    return [
        ("formula", layer.formula),
        ("shapes", layer.shapes),
        ("source", layer.source),
        ("for models", layer.module),
        ("parameters", count),
        ("cost", layer.cost),
    ]


def example_text(page: Page) -> str:
    """Inputs and outputs as aligned tables, and whether torch.nn agrees."""
    example = page.example
    parts = [*_tables(example.inputs, example.rows), *_tables(example.outputs, example.rows)]
    if page.difference is None:
        parts.append("The reference computes these numbers; torch.nn gives none to compare with.\n")
    else:
        agreement = "at most 1e-6" if page.difference <= 1e-6 else f"{page.difference:.1e}"
        parts.append(f"torch.nn gives the same; the largest difference is {agreement}.\n")
    return "\n".join(parts)


def _tables(tensors: Mapping[str, Tensor], rows: int | None) -> list[str]:
    return [f"{name} {tuple(tensor.shape)}\n{_table(tensor, rows)}" for name, tensor in tensors.items()]


def _table(tensor: Tensor, rows: int | None) -> str:
    labels, values = as_rows(tensor, rows)
    lines = [["  " + label, *map(_figure, row)] for label, row in zip(labels, values, strict=True)]
    return table(lines, "l" + "r" * (len(lines[0]) - 1))


def as_rows(tensor: Tensor, rows: int | None) -> tuple[list[str], list[list[float]]]:
    """A tensor as lines of numbers: one for each index of the first `rows` axes, "1,0" for example; all but the last if None.

    Axes of length 1 have no index.
    """
    split = tensor.ndim - 1 if rows is None or rows >= tensor.ndim else rows
    leading = tensor.shape[: max(split, 0)]
    indices = itertools.product(*(range(size) for size in leading))
    labels = [",".join(str(i) for i, size in zip(index, leading, strict=True) if size > 1) for index in indices]
    return labels, tensor.detach().double().reshape(len(labels), -1).tolist()


def _figure(value: float) -> str:
    """Up to four decimals: 1, 0.25, -2.2247."""
    text = f"{round(value, 8):.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
