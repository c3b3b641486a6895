"""The run file and the changes to it that `prepare`, `train` and `search` share."""

import argparse
import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

from transduce import config
from transduce.cli.parser import Parser

BUDGETS = ("steps", "epochs", "minutes")  # keys of [training]


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


def add_minutes(parser: Parser, text: str) -> None:
    parser.add_argument("--minutes", metavar="N", type=_minutes, help=text)


def budget_of(minutes: float | None, overrides: Sequence[str]) -> list[str]:
    """The changes to a run file with which its budget is that many minutes and nothing else; none where that is None.

    ValueError where `overrides`, which come before these, give a budget too.
    """
    if minutes is None:
        return []
    training = config.override({}, overrides).get("training")
    for key in BUDGETS:
        value = training.get(key, "none") if isinstance(training, dict) else "none"
        if value != "none":
            raise ValueError(
                f"--minutes {minutes:g} and --set training.{key}={value}: only one can be the budget; leave out the other"
            )
    return ["training.steps=none", "training.epochs=none", f"training.minutes={minutes}"]


def _minutes(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < math.inf:
            return value
    raise argparse.ArgumentTypeError(f"must be a number above 0, found {text}")
