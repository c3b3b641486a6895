"""`transduce attention`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.parser import Parser
from transduce.terminal import table

if TYPE_CHECKING:
    from transduce.workflows.attention.run import Page


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "transduce attention",
        "Lists the attention mechanisms, or explains one: purpose, formula, paper, and its weights in a small example.",
        "  transduce attention additive",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of a mechanism; without it all are listed")
    options = parser.parse(arguments)

    from transduce.workflows.attention.run import names, page

    if options.name is None:
        streams.write(table(names()))
    else:
        streams.write(_text(page(options.name)))
    return 0


def _text(page: "Page") -> str:
    row = page.mechanism
    facts = [
        ("formula", row.formula),
        ("shapes", row.shapes),
        ("paper", row.paper),
        ("cost", row.cost),
        ("parameters", f"{page.parameters:,} in the example"),
    ]
    if row.note:
        facts.append(("note", row.note))
    rows = [
        ("", *page.words),
        *((word, *_percents(line)) for word, line in zip(page.words, page.weights.tolist(), strict=True)),
    ]
    example = "Weights in percent: a row shows where its word looks. Words have random vectors, equal words equal ones."
    return f"{row.name}\n\n{row.purpose}\n\n{table(facts)}\n{example}\n\n{table(rows, 'l' + 'r' * len(page.words))}"


def _percents(weights: Sequence[float]) -> list[str]:
    return [f"{100 * weight:.0f}" if weight else "." for weight in weights]
