"""`transduce translate`."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.decoding_options import method
from transduce.cli.model_options import note_tags, opened
from transduce.cli.translate_options import check, translate_parser
from transduce.terminal import would_mix

if TYPE_CHECKING:
    from transduce.models.model import Model
    from transduce.workflows.predict.line_batches import Input, Line
    from transduce.workflows.predict.stream import Beside, Outputs, Wanted

SUMMARY = "translate lines of files, of standard input, or as you type"


def main(arguments: Sequence[str]) -> int:
    options = translate_parser().parse(arguments)
    check(options)
    names = options.files or ["-"]
    _check_readable(names, options.prefixes)

    from transduce.cli.prompt import converse
    from transduce.workflows.predict.line_batches import arriving_batches, full_batches
    from transduce.workflows.predict.stream import translate_stream

    model = opened(options)
    note_tags(model, options.tag)
    wanted = _wanted(options, model)
    if not options.files and streams.is_conversation():
        _refuse_files_beside(options)
        return converse(model, wanted, options.prefix or "")
    with ExitStack() as stack:
        batches = full_batches if all(map(_is_file, names)) else arriving_batches
        beside = _alignments(options, model, stack)
        translate_stream(model, batches(_lines(options, names)), streams.write, wanted, _total(options.files), beside)
    return 0


def _wanted(options: argparse.Namespace, model: "Model") -> "Wanted":
    from transduce.workflows.predict.output_lines import Columns, Json
    from transduce.workflows.predict.stream import Wanted, best_text

    tags = tuple(options.tag)
    wanted = Wanted(method(options, model, options.split_sentences), tags, options.long, best_text)
    if options.json:
        return replace(wanted, shown=Json(tags))
    if options.n_best is not None or options.confidence:
        return replace(wanted, shown=Columns(options.n_best is not None, options.confidence))
    return wanted


def _check_readable(names: Sequence[str], prefixes: Path | None) -> None:
    """ValueError or OSError for input that cannot be read, before anything is written."""
    from transduce.workflows.predict.line_batches import check_readable, count_lines

    for name in names:
        if name == "-":
            streams.standard_input().close()
        else:
            check_readable(Path(name))
    if prefixes is None:
        return
    check_readable(prefixes)
    if prefixes.is_file() and all(Path(name).is_file() for name in names):
        count, expected = count_lines(prefixes), sum(count_lines(Path(name)) for name in names)
        if count != expected:
            raise ValueError(
                f"{prefixes} has {count:,} lines, but the input has {expected:,}; each line has its prefix"
            )


def _refuse_files_beside(options: argparse.Namespace) -> None:
    for option in ("prefixes", "alignments"):
        if getattr(options, option) is not None:
            raise ValueError(f"--{option} goes with files or a pipe: name the file to translate")


def _lines(options: argparse.Namespace, names: Sequence[str]) -> "Iterator[Line]":
    from transduce.workflows.predict.line_batches import lines, texts, with_prefixes

    found = lines(_inputs(names), options.bad_lines == "blank")
    if options.prefixes is not None:
        return with_prefixes(found, texts(options.prefixes), str(options.prefixes))
    if options.prefix is not None:
        return (replace(line, prefix=options.prefix) for line in found)
    return found


def _inputs(names: Sequence[str]) -> "Iterator[Input]":
    """Opens one after the other, however many there are."""
    from transduce.workflows.predict.line_batches import Input, open_input

    for name in names:
        with streams.standard_input() if name == "-" else open_input(Path(name)) as stream:
            yield Input("stdin" if name == "-" else name, stream)


def _is_file(name: str) -> bool:
    """Whether all of an input is there already."""
    if name != "-":
        return Path(name).is_file()
    with streams.standard_input() as stream:
        return streams.is_file(stream)


def _alignments(options: argparse.Namespace, model: "Model", stack: ExitStack) -> "Beside | None":
    """Writes word alignments beside the outputs, batch by batch as they come."""
    if options.alignments is None:
        return None

    from transduce.workflows.predict.output_lines import alignment_lines

    path, tags = options.alignments, tuple(options.tag)
    file = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))

    def write(lines: "Sequence[Line]", outputs: "Outputs") -> None:
        try:
            file.write(alignment_lines(model, lines, outputs, tags))
            file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None

    return write


def _total(files: Sequence[str]) -> int | None:
    """How many lines a progress bar counts to; None where there is to be no bar, as it would stand between the results."""
    if not files or not all(map(_is_file, files)) or would_mix():
        return None

    from transduce.workflows.predict.line_batches import count_lines

    return sum(0 if name == "-" else count_lines(Path(name)) for name in files)
