"""`transduce evaluate`."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.model_options import add_model
from transduce.cli.parser import Parser

if TYPE_CHECKING:
    from transduce.workflows.evaluate import Evaluation, HeldOut

SUMMARY = "translate sources and compare with references"


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)
    _check(options)

    from tqdm import tqdm

    from transduce.workflows.evaluate import evaluate, write_translations
    from transduce.workflows.model_folder import open_model

    held_out = _held_out(options)
    metrics = None if options.metrics is None else options.metrics.split(",")
    model = open_model(options.model, options.device, options.precision)
    with tqdm(total=len(held_out.sources), unit="line", disable=None, file=sys.stderr) as bar:
        found = evaluate(model, held_out, metrics, options.beam, bar.update)
    _say_what_is_missing(held_out, found, model.spec.generation.max_source)
    if options.output is not None:
        write_translations(options.output, found)
    streams.write(_as_json(found) if options.json else _as_table(found))
    return 0


def _parser() -> Parser:
    parser = Parser(
        "transduce evaluate",
        "Prints every metric with the signature that says how it was computed, and the model's perplexity on the "
        "(first) references.",
        "  transduce evaluate runs/help --source test.en --reference test.de\n"
        "  transduce evaluate runs/pronounce-en --data test.tsv --alternatives --metrics token-error-rate,exact-match",
    )
    add_model(parser)
    parser.add_argument("--source", metavar="FILE", type=Path, help="sources, one a line")
    parser.add_argument(
        "--reference", metavar="FILE", type=Path, action="append", help="their references (several files may be given)"
    )
    parser.add_argument("--data", metavar="FILE", type=Path, help="a .tsv or .jsonl file of pairs instead")
    parser.add_argument(
        "--alternatives", action="store_true", help="with --data: pairs that share a source are one item, any is right"
    )
    parser.add_argument("--metrics", metavar="A,B", help="only these (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the translations, one a line")
    return parser


def _check(options: argparse.Namespace) -> None:
    if options.data is not None and (options.source is not None or options.reference is not None):
        raise ValueError("give either --data, or --source and --reference, not both")
    if options.data is None and (options.source is None or options.reference is None):
        raise ValueError("give --source and --reference, or --data with a .tsv or .jsonl file")
    if options.alternatives and options.data is None:
        raise ValueError("--alternatives goes with --data; with --source, give --reference several times")
    read = [path for path in (options.data, options.source, *(options.reference or [])) if path is not None]
    if options.output is not None and options.output.exists():
        for path in read:
            if path.exists() and path.samefile(options.output):
                raise ValueError(f"--output {options.output} is a file that is read; name another, or it would be lost")


def _held_out(options: argparse.Namespace) -> "HeldOut":
    from transduce.workflows.evaluate import read_aligned, read_pairs

    if options.data is None:
        return read_aligned(options.source, options.reference)
    return read_pairs(options.data, options.alternatives)


def _say_what_is_missing(held_out: "HeldOut", found: "Evaluation", limit: int) -> None:
    if held_out.left_out:
        streams.say(f"pairs with an empty side, left out: {held_out.left_out:,}")
    if found.cut:
        streams.say(f"sources over {limit:,} tokens, of which only the beginning was translated: {found.cut:,}")


def _as_table(found: "Evaluation") -> str:
    rows = [(score.name, f"{score.value:.2f}", score.signature) for score in found.scores]
    rows.append(("perplexity", f"{found.perplexity:.4g}", f"{found.target_tokens:,} target tokens, first references"))
    rows.append(("sentences", f"{found.sentences:,}", ""))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{name:{widths[0]}}  {value:>{widths[1]}}  {note}".rstrip() + "\n" for name, value, note in rows)


def _as_json(found: "Evaluation") -> str:
    """One object on one line. A perplexity beyond floats is null, as JSON has no infinity."""
    tree = {
        "sentences": found.sentences,
        "metrics": {score.name: {"value": score.value, "signature": score.signature} for score in found.scores},
        "perplexity": found.perplexity if math.isfinite(found.perplexity) else None,
        "target_tokens": found.target_tokens,
        "sources_cut": found.cut,
    }
    return json.dumps(tree) + "\n"
