"""`transduce back-translate`."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from transduce.cli import streams
from transduce.cli.options import add_decoding, add_file, add_flag, add_model, add_repeated, method, opened_for
from transduce.cli.parser import Parser

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)
    if options.untagged and options.tag:
        raise ValueError("--untagged leaves out the tag that --tag names: give one of them")

    from transduce.tasks.translation import Translation
    from transduce.workflows.back_translate.run import Synthesis, back_translate

    model = opened_for(Translation, options, "model_tag")
    synthesis = Synthesis(method(options, model), tuple(options.model_tag))
    if options.untagged or options.tag:
        synthesis = replace(synthesis, tags=tuple(options.tag))
    try:
        counts = back_translate(model, options.files, options.output, synthesis, options.force)
    except KeyboardInterrupt:
        log.info("stopped; the same command continues where it stopped")
        raise
    log.info("%s: %s", options.output, counts)
    log.info("to train on them, add this to train in [data] (paths start at the run file):")
    streams.write(f"{{ file = {json.dumps(str(options.output), ensure_ascii=False)}, weight = 1.0 }}\n")
    return 0


def _parser() -> Parser:
    parser = Parser(
        "transduce back-translate",
        "MODEL translates from the language that you want to translate into; each line of the files becomes a training "
        "pair of its translation and itself, with a tag that sets it apart from real pairs. Lines and outputs that "
        "are of no use are counted and left out. The same command goes on with what was broken off.",
        "  transduce back-translate runs/de-en news.de --output synthetic.jsonl.gz\n"
        "  transduce back-translate runs/de-en a.de.zst b.de --sample --output more.jsonl.zst",
    )
    add_model(parser)
    text = "text, one sentence a line; .gz and .zst are unpacked"
    parser.add_argument("files", metavar="MONOLINGUAL", type=Path, nargs="+", help=text)
    group = parser.add_argument_group("pairs")
    text = "the pairs: .jsonl or .tsv, with .gz or .zst behind it to be compressed"
    add_file(group, "--output", text, required=True)
    add_repeated(group, "--tag", "NAME", "a tag of the pairs, instead of synthetic")
    add_flag(group, "--untagged", "pairs without a tag")
    add_repeated(group, "--model-tag", "NAME", "a tag before every line, for a MODEL trained with tags")
    add_flag(group, "--force", "replace an output that exists, or that other settings began")
    add_decoding(parser)
    return parser
