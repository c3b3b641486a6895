"""`transduce translate`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.model_options import add_model
from transduce.cli.parser import Parser

if TYPE_CHECKING:
    from transduce.workflows.line_batches import Input

SUMMARY = "translate lines of files, of standard input, or as you type"

Progress = Callable[[int], object]
Say = Callable[[str], object]


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)
    names = options.files or ["-"]
    _check(names)

    from transduce.cli.prompt import converse
    from transduce.workflows.line_batches import arriving_batches, full_batches, lines
    from transduce.workflows.model_folder import open_model
    from transduce.workflows.translate import Wanted, translate_stream

    wanted = Wanted(options.beam, options.n_best, options.long)
    model = open_model(options.model, options.device, options.precision)
    if not options.files and streams.is_conversation():
        return converse(model, wanted)
    with ExitStack() as stack:
        batches = full_batches if all(map(_is_file, names)) else arriving_batches
        progress, say = _progress(options.files, stack)
        translate_stream(model, batches(lines(_inputs(names))), streams.write, say, wanted, progress)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "transduce translate",
        "Writes one line for every line, in order; blank lines stay blank. Without files it reads standard input, and "
        "on a terminal it asks for lines. Lines end at a line feed; a carriage return before it is left out.",
        "  transduce translate runs/pronounce-en\n"
        "  transduce translate runs/pronounce-en --beam 8 words.txt > sounds.txt\n"
        "  tail -f words.log | transduce translate runs/pronounce-en | tee sounds.log",
    )
    add_model(parser)
    parser.add_argument("files", metavar="FILE", nargs="*", default=[], help="text files in UTF-8; - is standard input")
    parser.add_argument(
        "--n-best",
        metavar="N",
        type=int,
        help="write the N best outputs of each line, as line number, rank, score and text with tabs between them",
    )
    parser.add_argument(
        "--long",
        choices=["cut", "refuse"],
        default="cut",
        help="a source longer than the model takes: translate its beginning and say so, or stop (default: cut)",
    )
    return parser


def _check(names: Sequence[str]) -> None:
    """ValueError or OSError for input that cannot be read, before anything is written."""
    from transduce.workflows.line_batches import check_readable

    for name in names:
        if name == "-":
            streams.standard_input().close()
        else:
            check_readable(Path(name))


def _inputs(names: Sequence[str]) -> "Iterator[Input]":
    """Opens one after the other, however many there are."""
    from transduce.workflows.line_batches import Input

    for name in names:
        with streams.standard_input() if name == "-" else open(name, "rb") as stream:
            yield Input("stdin" if name == "-" else name, stream)


def _is_file(name: str) -> bool:
    """Whether all of an input is there already."""
    if name != "-":
        return Path(name).is_file()
    with streams.standard_input() as stream:
        return streams.is_file(stream)


def _progress(files: Sequence[str], stack: ExitStack) -> tuple[Progress | None, Say]:
    """A bar on stderr where it disturbs nobody, and the way to say something beside it."""
    if not files or not all(map(_is_file, files)) or not sys.stderr.isatty() or sys.stdout.isatty():
        return None, streams.say

    from tqdm import tqdm

    bar = stack.enter_context(
        tqdm(total=sum(map(_count_lines, files)), unit="line", file=sys.stderr, dynamic_ncols=True)
    )
    return bar.update, partial(bar.write, file=sys.stderr)


def _count_lines(name: str) -> int:
    if name == "-":
        return 0
    with open(name, "rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
