"""`transduce translate`."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.options import (
    add_decoding,
    add_ensemble,
    add_file,
    add_flag,
    add_model,
    add_tag,
    method,
    opened_for,
)
from transduce.cli.parser import Parser, check_target
from transduce.terminal import would_mix

if TYPE_CHECKING:
    from transduce.models.model import Model
    from transduce.workflows.predict.line_batches import Line
    from transduce.workflows.predict.stream import Beside, LineOptions, Outputs


DESCRIPTION = (
    "Writes one line for every line, in order; blank lines stay blank. Without files it reads standard input, and on a "
    "terminal it asks for lines. Lines end at a line feed; a carriage return before it is left out."
)
EXAMPLES = """\
  transduce translate runs/pronounce-en
  transduce translate runs/pronounce-en --beam 8 words.txt > sounds.txt
  tail -f words.log | transduce translate runs/pronounce-en | tee sounds.log
  transduce translate runs/help --split-sentences en --mbr 32 letter.txt
  transduce translate runs/numbers --tag de --sample --top-p 0.9 --n-best 5 --json numbers.txt"""


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)
    _check(options)
    names = options.files or ["-"]
    _check_readable(names, options.prefixes)

    from transduce.cli.prompt import converse
    from transduce.tasks.translation import Translation
    from transduce.workflows.predict.line_batches import arriving_batches, full_batches
    from transduce.workflows.predict.stream import translate_stream

    model = opened_for(Translation, options)
    line_options = _line_options(options, model)
    if not options.files and streams.is_conversation():
        _refuse_files_beside(options)
        return converse(model, line_options, options.prefix or "")
    with ExitStack() as stack:
        batches = full_batches if all(map(streams.is_file_name, names)) else arriving_batches
        beside = _alignments(options, model, stack)
        translate_stream(
            model, batches(_lines(options, names)), streams.write, line_options, _total(options.files), beside
        )
    return 0


def _line_options(options: argparse.Namespace, model: "Model") -> "LineOptions":
    from transduce.workflows.predict.output_lines import Columns, Json
    from transduce.workflows.predict.stream import LineOptions, best_text

    tags = tuple(options.tag)
    line_options = LineOptions(method(options, model, options.split_sentences), tags, options.long, best_text)
    if options.json:
        return replace(line_options, line_format=Json(tags))
    if options.n_best is not None or options.confidence:
        return replace(line_options, line_format=Columns(options.n_best is not None, options.confidence))
    return line_options


def _check_readable(names: Sequence[str], prefixes: Path | None) -> None:
    """ValueError or OSError for input that cannot be read, before anything is written."""
    from transduce.data.formats.lines import facts
    from transduce.data.records import counted
    from transduce.workflows.predict.line_batches import check_readable

    for name in names:
        streams.check_readable(name)
    if prefixes is None:
        return
    check_readable(prefixes)
    if prefixes.is_file() and all(Path(name).is_file() for name in names):
        count = facts(prefixes, empty=True).lines
        expected = sum(facts(Path(name), empty=True).lines for name in names)
        if count != expected:
            raise ValueError(
                f"{prefixes} has {counted(count, 'line')}, but the input has {expected:,}; each line has its prefix"
            )


def _refuse_files_beside(options: argparse.Namespace) -> None:
    for option in ("prefixes", "alignments"):
        if getattr(options, option) is not None:
            raise ValueError(f"--{option} goes with files or a pipe: name the file to translate")


def _lines(options: argparse.Namespace, names: Sequence[str]) -> "Iterator[Line]":
    from transduce.workflows.predict.line_batches import lines, open_inputs, with_prefixes

    input_lines = lines(streams.inputs(names), options.bad_lines)
    if options.prefixes is not None:
        prefixes = (line.text for line in lines(open_inputs([options.prefixes])))
        return with_prefixes(input_lines, prefixes, str(options.prefixes))
    if options.prefix is not None:
        return (replace(line, prefix=options.prefix) for line in input_lines)
    return input_lines


def _alignments(options: argparse.Namespace, model: "Model", stack: ExitStack) -> "Beside | None":
    """Writes word alignments beside the outputs, batch by batch as they come."""
    if options.alignments is None:
        return None

    from transduce.workflows.align.alignment_files import as_lines
    from transduce.workflows.align.run import align

    path, tags = options.alignments, tuple(options.tag)
    file = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))

    def write(lines: "Sequence[Line]", outputs: "Outputs") -> None:
        pairs = [(line.text, best.text) for line, (best, *_) in zip(lines, outputs, strict=True)]
        try:
            file.write(as_lines(align(model, pairs, [tags] * len(pairs) if tags else None)))
            file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None

    return write


def _total(files: Sequence[str]) -> int | None:
    """How many lines a progress bar counts to; None where there is to be no bar, as it would stand between the results."""
    if not files or not all(map(streams.is_file_name, files)) or would_mix():
        return None

    from transduce.data.formats.lines import facts

    return sum(facts(Path(name), empty=True).lines for name in files if name != "-")


def _parser() -> Parser:
    parser = Parser("transduce translate", DESCRIPTION, EXAMPLES)
    add_model(parser)
    add_ensemble(parser)
    parser.add_argument("files", metavar="FILE", nargs="*", default=[], help="text files in UTF-8; - is standard input")
    _add_lines(parser)
    _add_results(parser)
    add_decoding(parser)
    return parser


def _check(options: argparse.Namespace) -> None:
    """ValueError for options that do not go together, and for an output that is an input."""
    if options.prefix is not None and options.prefixes is not None:
        raise ValueError("--prefix is for all lines, --prefixes for one each: give one of them")
    if options.split_sentences is not None:
        for option in ("prefix", "prefixes", "alignments"):
            if getattr(options, option) is not None:
                raise ValueError(f"--{option} is for whole lines: leave it out, or --split-sentences")
        if options.n_best is not None:
            raise ValueError("--split-sentences gives one output of each line: leave out --n-best")
    if options.alignments is None:
        return
    if options.n_best is not None:
        raise ValueError("--alignments are those of one output of each line: leave out --n-best")
    check_target("alignments", options.alignments, [*map(Path, options.files), options.prefixes])


def _add_lines(parser: Parser) -> None:
    group = parser.add_argument_group("lines")
    add_tag(group, "a tag before every line")
    group.add_argument("--prefix", metavar="TEXT", help="the beginning of every output; end it with a whole word")
    add_file(group, "--prefixes", "the beginning of each output, one a line")
    text = "lines are paragraphs: translate their sentences (en, de, ...) one by one and join them again"
    group.add_argument("--split-sentences", metavar="LANGUAGE", help=text)
    text = "a source longer than the model takes: translate its beginning and say so, or stop (default: cut)"
    group.add_argument("--long", choices=["cut", "refuse"], default="cut", help=text)
    text = "a line that is no UTF-8 text: stop, or say so and give a blank line (default: stop)"
    group.add_argument("--bad-lines", choices=["stop", "blank"], default="stop", help=text)


def _add_results(parser: Parser) -> None:
    group = parser.add_argument_group("results")
    text = "write the N best outputs of each line, as line number, rank, score and text with tabs between them"
    group.add_argument("--n-best", metavar="N", type=int, help=text)
    add_flag(group, "--confidence", "a column before the text: the geometric mean of its tokens' probabilities")
    add_flag(group, "--json", "write a JSON object for each output, tokens included")
    text = 'write which source word each output word renders to FILE ("0-0 1-2"), a line for each line'
    add_file(group, "--alignments", text)
