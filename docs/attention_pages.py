"""A page and a picture for each attention mechanism, their index, and the table of their oracles."""

import importlib
import math
import sys
from pathlib import Path

import torch
from layer_pages import fact_rows

from transduce.attention.attend import explain
from transduce.attention.catalogue import MECHANISMS
from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.cli.attention import description
from transduce.drawing.matrix import Matrix, matrices_svg
from transduce.workflows.attention.run import WIDTH, Page, page

ORACLES = Path(__file__).parents[1] / "tests/attention/mechanisms"
MOST_HEADS = 4  # of a picture

INDEX = """# Attention mechanisms

A page for each mechanism: formula, shapes, paper, cost, and its weights in a small example. `transduce attention` prints the
same. [agreement.md](agreement.md) has the independent implementations that the tests compare them with, and the differences.
[../attention.md](../attention.md) shows the parts that most of them are composed of, and how to add one.

Kinds: a *point* is a mask or bias for scaled dot products with a softmax, which fused kernels compute; an *own part* replaces
the score or the normaliser; an *arrangement* is several of these, over axes, streams, levels or steps; an *own module* is none
of these. `make pages` writes these pages anew.

| mechanism | kind | purpose |
|---|---|---|
"""

AGREEMENT = """# Agreement of the mechanisms with independent implementations

`make pages` computes this table, in double precision: for each mechanism its kind, the kernel of `attend` for 4,096 tokens on a
CPU, the second way to compute its result, and the largest difference between the two. The tests hold the
same pairs to a difference of 1e-7 at most, where a library computes in single precision to 1e-6.

| mechanism | kind | kernel | compared with | largest difference |
|---|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """Files of docs/attention by name, without the table of oracles."""
    index = "".join(f"| [{name}]({name}.md) | {row.kind} | {row.purpose} |\n" for name, row in MECHANISMS.items())
    files = {"README.md": INDEX + index}
    for name in MECHANISMS:
        entry = page(name)
        files[f"{name}.md"] = markdown(entry)
        files[f"{name}.svg"] = picture(entry)
    return files


def markdown(entry: Page) -> str:
    row = entry.mechanism
    facts = fact_rows(description(entry))
    note = f"{row.note}\n\n" if row.note else ""
    others = ", ".join(f"[{name}]({name}.md)" for name in row.alternates)
    alternates = f"Other meanings of the name: {others}.\n\n" if others else ""
    return (
        f"# {row.name}\n\n{row.purpose}\n\n| | |\n|---|---|\n{facts}\n{note}{alternates}"
        f"## Example\n\n{row.caption}\n\n![{row.name}: weights]({row.name}.svg)\n"
    )


def picture(entry: Page) -> str:
    """The weights of each head as heat maps side by side."""
    rows, columns = entry.mechanism.sides
    heads = entry.weights[:MOST_HEADS].tolist()
    titles = ["weights"] if len(heads) == 1 else [f"head {number}" for number, _ in enumerate(heads, 1)]
    maps = [Matrix(values, tuple(rows), tuple(columns), title) for values, title in zip(heads, titles, strict=True)]
    return matrices_svg(maps, entry.mechanism.name)


def agreement() -> dict[str, str]:
    """The table of oracles, which stand in tests/."""
    sys.path[:0] = [str(ORACLES), str(ORACLES.parents[1])]
    try:
        importlib.import_module("torchvision_operators")
        registry = importlib.import_module("oracles")
        for path in sorted(ORACLES.glob("oracles_*.py")):
            importlib.import_module(path.stem)
    finally:
        del sys.path[:2]
    lines = []
    for name, row in MECHANISMS.items():
        for oracle in registry.ORACLES:
            if oracle.mechanism == name:
                most = max(float(difference) for difference in oracle.differences())
                lines.append(
                    f"| [{name}]({name}.md) | {row.kind} | {kernel(row)} | {oracle.against} | {_bound(most)} |\n"
                )
    return {"agreement.md": AGREEMENT + "".join(lines)}


def kernel(row: Mechanism) -> str:
    """The kernel that computes a point of the algebra; modules with maps and arrangements call `attend` for each part."""
    module = row.build(WIDTH)
    if isinstance(module, Attention):
        x = torch.empty(1, 1, 4096, 1)
        # a mask without a band selects no kernel, and may have a table that is too small
        mask = module.mask if module.mask is not None and module.mask.band is not None else None
        return explain(x, x, mask, score=module.score, normalise=module.normalise).backend
    return "its own" if row.kind == "own module" else "those of its parts"


def _bound(difference: float) -> str:
    """A power of ten above it: machines differ in the last bits."""
    return "0" if difference == 0 else f"below 1e{math.floor(math.log10(difference)) + 1}"
