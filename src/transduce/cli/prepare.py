"""`transduce prepare`."""

from collections.abc import Sequence

from transduce.cli import streams
from transduce.cli.parser import Parser
from transduce.cli.run_options import add_minutes, add_run_file, overrides


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "transduce prepare",
        "Reads and checks the records of a run file, splits them, learns the tokenizers and writes prepared/DIGEST/. "
        "Prints what was found and what was left out.",
        "  transduce prepare run.toml --minutes 10\n  transduce prepare run.toml --set tokenizer.vocabulary=4000",
    )
    add_run_file(parser)
    add_minutes(parser, "choose the tokenizers for a training of so long, instead of the run file's budget")
    options = parser.parse(arguments)

    from transduce.workflows.train.run import prepare_run
    from transduce.workflows.train.run_file import read_run

    prepared = prepare_run(read_run(options.run, overrides(options)))
    streams.write("".join(f"{line}\n" for line in prepared.summary()))
    return 0
