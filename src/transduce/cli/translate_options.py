"""What `transduce translate` may be asked, and which of it does not go together."""

import argparse
from pathlib import Path

from transduce.cli.decoding_options import add_decoding
from transduce.cli.model_options import add_ensemble, add_model, add_tag
from transduce.cli.parser import Parser
from transduce.cli.targets import check_target

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


def translate_parser() -> Parser:
    parser = Parser("transduce translate", DESCRIPTION, EXAMPLES)
    add_model(parser)
    add_ensemble(parser)
    parser.add_argument("files", metavar="FILE", nargs="*", default=[], help="text files in UTF-8; - is standard input")
    _add_lines(parser)
    _add_results(parser)
    add_decoding(parser)
    return parser


def check(options: argparse.Namespace) -> None:
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
    group.add_argument("--prefix", metavar="TEXT", help="what every output begins with; end it with a whole word")
    group.add_argument("--prefixes", metavar="FILE", type=Path, help="what each output begins with, one a line")
    group.add_argument(
        "--split-sentences",
        metavar="LANGUAGE",
        help="lines are paragraphs: translate their sentences (en, de, ...) one by one and join them again",
    )
    group.add_argument(
        "--long",
        choices=["cut", "refuse"],
        default="cut",
        help="a source longer than the model takes: translate its beginning and say so, or stop (default: cut)",
    )
    group.add_argument(
        "--bad-lines",
        choices=["stop", "blank"],
        default="stop",
        help="a line that is no UTF-8 text: stop, or say so and give a blank line (default: stop)",
    )


def _add_results(parser: Parser) -> None:
    group = parser.add_argument_group("results")
    group.add_argument(
        "--n-best",
        metavar="N",
        type=int,
        help="write the N best outputs of each line, as line number, rank, score and text with tabs between them",
    )
    group.add_argument(
        "--confidence",
        action="store_true",
        help="a column before the text: the geometric mean of its tokens' probabilities",
    )
    group.add_argument("--json", action="store_true", help="write a JSON object for each output, tokens included")
    group.add_argument(
        "--alignments",
        metavar="FILE",
        type=Path,
        help='write which source word each output word renders to FILE ("0-0 1-2"), a line for each line',
    )
