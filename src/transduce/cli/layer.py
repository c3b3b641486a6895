"""`transduce layer`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.parser import row_name
from transduce.terminal import table

if TYPE_CHECKING:
    from transduce.workflows.layer.run import Page


def main(arguments: Sequence[str]) -> int:
    description = (
        "Lists the layers, or explains one: purpose, formula, source, parameters, cost, and an example in numbers."
    )
    name = row_name("layer", description, "batch-norm", "layer", arguments)

    from transduce.workflows.layer.run import names, page

    streams.write(table(names()) if name is None else _text(page(name)))
    return 0


def _text(page: "Page") -> str:
    from transduce.workflows.layer.run import example_text, facts

    layer = page.layer
    notes = "".join(f"- {note}\n" for note in layer.notes)
    description = table(facts(layer, page.example))
    return f"{layer.name}\n\n{layer.purpose}\n\n{description}\n{notes}\nExample\n\n{example_text(page)}"
