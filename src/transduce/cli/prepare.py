"""`transduce prepare`."""

from collections.abc import Sequence
from pathlib import Path

from transduce.cli import streams
from transduce.cli.parser import Parser
from transduce.cli.run_options import add_run_file

SUMMARY = "read, check and tokenize the pairs of a run file (train does so by itself)"


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "transduce prepare",
        "Reads and checks the pairs of a run file, splits them, trains its tokenizers and writes prepared/DIGEST/. "
        "Prints what was found and what was left out.",
        "  transduce prepare run.toml\n  transduce prepare run.toml --set tokenizer.vocabulary=4000",
    )
    add_run_file(parser)
    options = parser.parse(arguments)

    from transduce.tasks.translation import TRANSLATION, processors_of
    from transduce.workflows.prepare.run import prepare
    from transduce.workflows.train.fine_tuning import load_start
    from transduce.workflows.train.settle import settled_run

    run = settled_run(options.run, options.overrides)
    start = None if run.start_from is None else load_start(run.start_from, options.run)
    processors = None if start is None else processors_of(start.tokenizers)
    base, root = options.run.parent, Path("prepared")
    prepared = prepare(TRANSLATION, run.data, run.tokenizer, run.seed, base, root, processors)
    streams.write("".join(f"{line}\n" for line in prepared.summary()))
    return 0
