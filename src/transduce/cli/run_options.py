"""Options of the commands that take a run file: prepare, train and search."""

import argparse
import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

from transduce.cli.options import add_repeated
from transduce.cli.parser import Parser
from transduce.files.names import is_folder_name


def add_run_file(parser: Parser, required: bool = True) -> None:
    text = "run file; transduce train --keys lists its keys"
    parser.add_argument("run", metavar="RUN.toml", type=Path, nargs=None if required else "?", help=text)
    add_repeated(parser, "--set", "KEY=VALUE", "change a key of the run file, such as training.batch-tokens=2048")


def add_name(parser: Parser) -> None:
    parser.add_argument("--name", metavar="NAME", type=_name, help="name of the run (default: that of the run file)")


def add_minutes(parser: Parser, text: str) -> None:
    parser.add_argument("--minutes", metavar="N", type=_minutes, help=text)


def overrides(options: argparse.Namespace, name: str | None = None) -> list[str]:
    """The changes to a run file by --set, by --minutes, whose budget replaces the run file's, and by `--NAME`, of the key
    training.NAME. ValueError where --set gives a budget beside --minutes.
    """
    changes = [*options.set, *_budget(options.minutes, options.set)]
    value = None if name is None else getattr(options, name)
    return changes if value is None else [*changes, f"training.{name}={value}"]


def _budget(minutes: float | None, overrides: Sequence[str]) -> list[str]:
    if minutes is None:
        return []
    from transduce import config
    from transduce.training.config import BUDGET_NAMES

    training = config.override({}, overrides).get("training")
    for key in BUDGET_NAMES:
        value = training.get(key, "none") if isinstance(training, dict) else "none"
        if value != "none":
            raise ValueError(
                f"--minutes {minutes:g} and --set training.{key}={value}: only one can be the budget; leave out the other"
            )
    return ["training.steps=none", "training.epochs=none", f"training.minutes={minutes}"]


def _name(text: str) -> str:
    if not is_folder_name(text):
        raise argparse.ArgumentTypeError(f"must be the name of one folder, such as first-try, found {text!r}")
    return text


def _minutes(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < math.inf:
            return value
    raise argparse.ArgumentTypeError(f"must be a number above 0, found {text}")
