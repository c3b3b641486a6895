"""`transduce init`."""

from collections.abc import Sequence
from pathlib import Path

from transduce.cli import streams
from transduce.cli.parser import Parser


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "transduce init",
        "Writes a run file for files of data: the task, the files, what is held out, and, as comments, every setting that would "
        "be chosen for them, each with its reason. Prints the name of the run file.",
        "  transduce init pairs.tsv\n"
        "  transduce init text.en text.de --out en-de.toml\n"
        "  transduce init reviews-train.csv reviews-test.csv\n"
        "  transduce init names.csv --task classification",
    )
    text = (
        "a .tsv, .csv, .jsonl or .txt file, a folder of pictures, or aligned files; names with dev or test are held out"
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help=text)
    parser.add_argument("--out", metavar="RUN.toml", type=Path, help="the run file (default: that of the first FILE)")
    parser.add_argument("--task", metavar="TASK", help="what to learn, where the files do not tell")
    options = parser.parse(arguments)

    from transduce.data.formats.compression import unpacked_name
    from transduce.workflows.init.run import init

    out = options.out or Path(unpacked_name(options.files[0]).name).with_suffix(".toml")
    init(options.files, out, options.task)
    streams.write(f"{out}\n")
    return 0
