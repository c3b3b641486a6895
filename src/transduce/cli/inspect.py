"""`transduce inspect`."""

import logging
from collections.abc import Sequence
from pathlib import Path

from transduce.cli import streams
from transduce.cli.options import add_device, add_folder, add_tag, opened_for
from transduce.cli.parser import Parser

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)
    if options.target is not None and options.beam is not None:
        raise ValueError("--beam is of the search, and --target is given: leave one out")

    from transduce.tasks.translation import Translation
    from transduce.workflows.inspect.folder import PAGE, check_folder, write_inspection
    from transduce.workflows.inspect.run import inspect
    from transduce.workflows.inspect.tables import as_text

    if options.out is not None:
        check_folder(options.out)
    model = opened_for(Translation, options)
    inspection = inspect(model, options.text, options.target, tags=options.tag, beam=options.beam, top=options.top)
    if inspection.cut:
        limit = model.generation.max_source
        log.warning(
            "the text has more than %s tokens, the model's limit: only its beginning is inspected", f"{limit:,}"
        )
    streams.write(as_text(inspection))
    if options.out is not None:
        write_inspection(options.out, inspection)
        log.info("%s: written", options.out / PAGE)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "transduce inspect",
        "Shows how a model comes to its translation of one text, or to a translation that is given: the alternatives it "
        "considered at each step with their probabilities, the source tokens that each token depends on (by gradients) "
        "and looks at (attention). With --out also as pictures, of each layer and head, on one page.",
        '  transduce inspect runs/pronounce-en "hyperblork" --out hyperblork\n'
        '  transduce inspect runs/help "Open the file." --target "Öffnen Sie die Datei."',
    )
    add_folder(parser)
    parser.add_argument("text", metavar="TEXT", help="a source; after -- if it begins with a hyphen")
    parser.add_argument("--target", metavar="TEXT", help="its translation (default: what the model finds)")
    text = "write pictures, index.html and inspection.json here; an earlier inspection is replaced"
    parser.add_argument("--out", metavar="FOLDER", type=Path, help=text)
    add_tag(parser, "a tag before the text")
    text = "alternatives of each step, at most 100 (default: 5)"
    parser.add_argument("--top", metavar="N", type=int, default=5, help=text)
    parser.add_argument("--beam", metavar="N", type=int, help="hypotheses kept open (default: the model's)")
    add_device(parser)
    return parser
