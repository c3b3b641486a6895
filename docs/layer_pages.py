"""A page and a picture for each layer of the atlas, and their index."""

import inspect
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from transduce.drawing.lines import lines_svg
from transduce.drawing.matrix import Matrix, matrices_svg
from transduce.workflows.layer.run import ALL, Page, as_rows, example_text, facts, page

INDEX = """# Layers

A page for each layer: formula, shapes, source, cost, the formula as a function, and an example in numbers. `transduce layer`
prints the same. The functions are for reading and for checking; models use the modules that each page names.

[your-own.md](your-own.md) shows how to write and test a layer of your own. `make pages` writes these pages anew.

| layer | purpose |
|---|---|
"""


def pages() -> dict[str, str]:
    """Files of docs/layers by name."""
    files = {"README.md": INDEX + "".join(f"| [{name}]({name}.md) | {row.purpose} |\n" for name, row in ALL.items())}
    for name in ALL:
        entry = page(name)
        files[f"{name}.md"] = markdown(entry)
        files[f"{name}.svg"] = picture(entry)
    return files


def markdown(entry: Page) -> str:
    layer = entry.layer
    description = fact_rows(facts(layer, entry.example))
    notes = "".join(f"- {note}\n" for note in layer.notes)
    source = inspect.getsource(layer.reference)
    return (
        f"# {layer.name}\n\n{layer.purpose}\n\n| | |\n|---|---|\n{description}\n{notes}\n"
        f"`{inspect.unwrap(layer.reference).__module__}`:\n\n```python\n{source}```\n\n"
        f"## Example\n\n![{layer.name}: input and output]({layer.name}.svg)\n\n```text\n{example_text(entry)}```\n"
    )


def fact_rows(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of a table in Markdown."""
    return "".join(f"| {name} | {_cell(name, text)} |\n" for name, text in rows)


def _cell(name: str, text: str) -> str:
    """The text of a table's cell, in which no character acts; formulas and shapes as code."""
    if name in ("formula", "shapes"):
        return "`" + text.replace("|", "\\|") + "`"
    return "".join(f"\\{sign}" if sign in "*_|" else sign for sign in text)


def picture(entry: Page) -> str:
    """The curve of a function of one number; else inputs and outputs as heat maps."""
    if entry.layer.elementwise:
        x = torch.linspace(-4, 4, 81)
        return lines_svg(x.tolist(), {"y": entry.layer.reference(x).tolist()}, entry.layer.name, "x", "y")
    example = entry.example
    tensors = [*_matrices(example.inputs, example.rows), *_matrices(example.outputs, example.rows)]
    return matrices_svg(tensors, entry.layer.name)


def _matrices(tensors: Mapping[str, Tensor], rows: int | None) -> list[Matrix]:
    parts = []
    for name, tensor in tensors.items():
        labels, values = as_rows(tensor, rows)
        parts.append(Matrix(values, labels, title=name))
    return parts
