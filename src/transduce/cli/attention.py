"""`transduce attention`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.parser import row_name
from transduce.terminal import table

if TYPE_CHECKING:
    from torch import Tensor

    from transduce.workflows.attention.run import Page


def main(arguments: Sequence[str]) -> int:
    description = (
        "Lists the attention mechanisms, or explains one: purpose, formula, paper, its options in a run file, and its weights "
        "in a small example. A run file may name those marked `run file`."
    )
    name = row_name("attention", description, "additive", "mechanism", arguments)

    from transduce.workflows.attention.run import names, page

    streams.write(table(names()) if name is None else _text(page(name)))
    return 0


def _text(page: "Page") -> str:
    row = page.mechanism
    facts = description(page)
    if row.note:
        facts.append(("note", row.note))
    if row.alternates:
        facts.append(("see also", ", ".join(f"transduce attention {name}" for name in row.alternates)))
    maps = [_map(row.sides, head) for head in page.weights]
    if len(maps) > 1:
        maps = [f"head {number}\n{each}" for number, each in enumerate(maps, 1)]
    example = f"Weights in percent. {row.caption}"
    return "\n\n".join([row.name, row.purpose, table(facts).rstrip("\n"), example, *maps])


def description(page: "Page") -> list[tuple[str, str]]:
    """The facts of a mechanism without name, purpose and notes."""
    from transduce.workflows.attention.run import in_run_file

    row = page.mechanism
    return [
        ("formula", row.formula),
        ("shapes", row.shapes),
        ("paper", row.paper),
        ("cost", row.cost),
        ("kind", row.kind),
        ("parameters", f"{page.parameters:,} in the example"),
        *in_run_file(row),
    ]


def _map(sides: tuple[Sequence[str], Sequence[str]], weights: "Tensor") -> str:
    """A line for each row of the weights, under the names of the columns."""
    rows, columns = sides
    lines = [(name, *_percents(line)) for name, line in zip(rows, weights.tolist(), strict=True)]
    return table([("", *columns), *lines], "l" + "r" * len(columns))


def _percents(weights: Sequence[float]) -> list[str]:
    return [f"{100 * weight:.0f}" if weight else "." for weight in weights]
