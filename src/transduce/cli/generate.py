"""`transduce generate`."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.options import (
    add_generation,
    add_model,
    add_tag,
    decoding_changes,
    note_tags,
    opened,
    sampling_changes,
)
from transduce.cli.parser import Parser

if TYPE_CHECKING:
    from transduce.decoding.config import Decoding
    from transduce.models.model import Model

DESCRIPTION = (
    "Continues a text with a language model and writes the continuation as it comes, token by token. Without --prompt the "
    "prompt is standard input, or empty on a terminal: the model begins a document. Tokens are drawn by their probability; "
    "with --beam N they are searched for (1 is greedy)."
)
EXAMPLES = """\
  transduce generate runs/shakespeare
  transduce generate runs/shakespeare --prompt "To be, or not" --temperature 0.7
  transduce generate runs/shakespeare --max-length 1000 --seed 7 < opening.txt"""


def main(arguments: Sequence[str]) -> int:
    parser = Parser("transduce generate", DESCRIPTION, EXAMPLES)
    add_model(parser)
    parser.add_argument("--prompt", metavar="TEXT", help="the text to continue (default: standard input)")
    add_tag(parser, "a tag before the prompt")
    add_generation(parser)
    options = parser.parse(arguments)
    draws = sampling_changes(options)
    if options.beam is not None and draws:
        raise ValueError(f"--beam searches, --{next(iter(draws)).replace('_', '-')} draws: give one of them")
    prompt = options.prompt if options.prompt is not None else streams.standard_text()

    from transduce.tasks.language_model import LanguageModel, text_stream
    from transduce.tasks.outputs import LineError

    model = opened(options)
    task = model.require(LanguageModel)
    note_tags(model, options.tag)
    try:
        parts = text_stream(model, prompt, _settings(model, options), task.context, options.tag)
    except LineError as error:
        raise ValueError(error.what) from None
    streams.write(prompt)
    for part in parts:
        streams.write(part)
    streams.write("\n")
    return 0


def _settings(model: "Model", options: argparse.Namespace) -> "Decoding":
    """The model's own settings with the changes of the options; it draws unless --beam is given."""
    from transduce.decoding.strategies.sampling import Sampling

    changes = decoding_changes(options)
    own = model.generation.sampling or Sampling()
    changes["sampling"] = None if options.beam is not None else replace(own, **sampling_changes(options))
    return model.decoding(**changes)
