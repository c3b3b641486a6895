"""`transduce align`."""

import argparse
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.options import add_device, add_file, add_flag, add_folder, add_tag, opened_for
from transduce.cli.parser import Parser, check_target
from transduce.files import write_atomically
from transduce.terminal import table, would_mix

if TYPE_CHECKING:
    from transduce.workflows.align.alignment_files import Measured


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)
    _check(options)
    if options.gold is None:
        _align(options)
    else:
        _measure(options)
    return 0


def _align(options: argparse.Namespace) -> None:
    """Links of pair after pair, as they come, or as one file."""
    from transduce.tasks.translation import Translation
    from transduce.workflows.align.alignment_files import as_lines, pair_batches
    from transduce.workflows.align.run import Reading, align_batches

    batches = pair_batches(options.source, options.target)
    first = next(batches)  # files that cannot be read are found before the model is
    model = opened_for(Translation, options)
    results = align_batches(
        model,
        chain([first], batches),
        options.tag,
        reading=Reading(options.layer, options.shifted),
        bar_hidden=options.output is None and would_mix(),
    )
    if options.output is not None:
        write_atomically(options.output, as_lines(chain.from_iterable(results)))
        return
    for links in results:
        streams.write(as_lines(links))


def _measure(options: argparse.Namespace) -> None:
    """The error of the links against gold ones."""
    from transduce.tasks.translation import Translation
    from transduce.workflows.align.alignment_files import as_lines, every_reading, measure, pair_batches, read_gold
    from transduce.workflows.align.run import Reading

    pairs = [pair for batch in pair_batches(options.source, options.target) for pair in batch]
    gold = read_gold(options.gold, pairs, options.first_word or 0)
    model = opened_for(Translation, options)
    readings = every_reading(model) if options.every_layer else [Reading(options.layer, options.shifted)]
    tags = [options.tag] * len(pairs) if options.tag else None
    measurements = measure(model, pairs, gold, readings, tags)
    try:
        streams.write(_table(measurements))
    finally:  # a reader that leaves early loses nothing of the file
        if options.output is not None:
            write_atomically(options.output, as_lines(measurements[0].links))


def _check(options: argparse.Namespace) -> None:
    if options.gold is None and options.every_layer:
        raise ValueError("--every-layer goes with --gold, whose links tell the layers apart")
    if options.gold is None and options.first_word is not None:
        raise ValueError("--first-word goes with --gold, whose numbers it is of; links are always counted from 0")
    if options.every_layer and (options.layer is not None or options.shifted or options.output is not None):
        raise ValueError("--every-layer tries all layers, shifted and not: leave out --layer, --shifted and --output")
    check_target("output", options.output, (options.source, options.target, options.gold))


def _table(measurements: "Sequence[Measured]") -> str:
    """Percentages with two decimals, and what they are of."""
    from transduce.data.records import counted

    rows: list[tuple[str, ...]] = [("layer", "read", "AER", "precision", "recall")]
    for each in measurements:
        layer = "mean" if each.reading.layer is None else str(each.reading.layer)
        rates = (_percent(value) for value in (each.score.error_rate, each.score.precision, each.score.recall))
        rows.append((layer, "shifted" if each.reading.shifted else "as is", *rates))
    score = measurements[0].score
    counts = f"{counted(len(measurements[0].links), 'pair')}, {score.sure:,} sure and {counted(score.possible, 'possible link')}\n"
    return table(rows, "llrrr") + counts


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _parser() -> Parser:
    parser = Parser(
        "transduce align",
        "Prints the word alignment of each pair of lines in Pharaoh format: 0-0 2-1 says that the first target word "
        "renders the first source word, and the second the third. Words are what white space separates. The links come "
        "from the model's attention, as it is made to write the target.",
        "  transduce align runs/help --source test.en --target test.de\n"
        "  transduce align runs/help --source test.en --target test.de --gold test.gold --every-layer",
    )
    add_folder(parser)
    add_file(parser, "--source", "sources, one a line", required=True)
    add_file(parser, "--target", "their translations, one a line", required=True)
    add_tag(parser, "a tag before every source")
    add_file(parser, "--output", "write the links here instead")
    add_file(
        parser,
        "--gold",
        "links made by people, 1-2 for a sure one and 1?2 (or 1p2) for a possible one: print the alignment error rate, "
        "precision and recall instead of the links",
    )
    text = "number of the first word in the gold file (default: 0)"
    parser.add_argument("--first-word", type=int, choices=[0, 1], help=text)
    text = "read this decoder layer's attention (default: the mean of all)"
    parser.add_argument("--layer", metavar="N", type=int, help=text)
    text = "read it one step later, when the model has read the word (often better for large models)"
    add_flag(parser, "--shifted", text)
    add_flag(parser, "--every-layer", "with --gold: the error for each layer, shifted and not")
    add_device(parser)
    return parser
