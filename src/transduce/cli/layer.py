"""`transduce layer`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.parser import Parser
from transduce.terminal import table

if TYPE_CHECKING:
    from transduce.workflows.layer.run import Page


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "transduce layer",
        "Lists the layers, or explains one: purpose, formula, source, parameters, cost, and an example in numbers.",
        "  transduce layer batch-norm",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of a layer; without it all are listed")
    options = parser.parse(arguments)

    from transduce.workflows.layer.run import names, page

    if options.name is None:
        streams.write(table(names()))
    else:
        streams.write(_text(page(options.name)))
    return 0


def _text(page: "Page") -> str:
    from transduce.workflows.layer.run import example_text, facts

    layer = page.layer
    notes = "".join(f"- {note}\n" for note in layer.notes)
    description = table(facts(layer, page.example))
    return f"{layer.name}\n\n{layer.purpose}\n\n{description}\n{notes}\nExample\n\n{example_text(page)}"
