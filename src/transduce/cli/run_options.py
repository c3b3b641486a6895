"""The run file and the changes to it that `prepare` and `train` share."""

from pathlib import Path

from transduce.cli.parser import Parser


def add_run_file(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN.toml", type=Path, help="run file; transduce train --keys lists its keys")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="change a key of the run file, such as training.batch-tokens=2048 (may be repeated)",
    )
