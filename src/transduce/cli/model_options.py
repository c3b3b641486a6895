"""What the commands that use a model share: which model, where it computes and how wide it searches."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.cli.parser import Parser
from transduce.machine import hardware

if TYPE_CHECKING:
    from transduce.models.model import Model


log = logging.getLogger(__name__)


def add_folder(parser: Parser, required: bool = True) -> None:
    number = None if required else "?"
    parser.add_argument(
        "model", metavar="MODEL", type=Path, nargs=number, help="model folder, or run folder (runs/NAME)"
    )


def add_device(parser: Parser) -> None:
    parser.add_argument("--device", metavar="D", help="cpu, cuda or cuda:N (default: the best there is)")


def add_model(parser: Parser, required: bool = True) -> None:
    """The folder, and how it is used where outputs are searched for."""
    add_folder(parser, required)
    parser.add_argument(
        "--beam", metavar="N", type=int, help="hypotheses kept open; 1 is greedy (default: the model's)"
    )
    add_device(parser)
    parser.add_argument(
        "--precision", choices=["float32", "bf16"], default="float32", help="number format (default: float32)"
    )


def add_ensemble(parser: Parser) -> None:
    parser.add_argument(
        "--ensemble",
        metavar="OTHER",
        type=Path,
        action="append",
        default=[],
        help="another model with the same vocabularies: their probabilities are averaged (may be given several times)",
    )


def opened(options: argparse.Namespace) -> "Model":
    """The model, or the ensemble, that the options of `add_folder` or `add_model`, and `add_ensemble`, name.

    On a CPU it computes with as many threads as cores are free, as one that has to wait for its core makes all of them
    wait.
    """
    from transduce.models.ensemble import open_models

    if (options.device or hardware.best_device()) == "cpu":
        hardware.choose_threads()
    paths = [options.model, *getattr(options, "ensemble", ())]
    return open_models(paths, options.device, getattr(options, "precision", "float32"))


def note_tags(model: "Model", given: Sequence[object], option: str = "--tag") -> None:
    """Says what tags the model knows, where none is given."""
    from transduce.workflows.predict.tag_advice import tag_advice

    if advice := tag_advice(model, given, option):
        log.info("%s", advice)


def add_tag(parser: argparse._ActionsContainer, what: str) -> None:
    """--tag, which may be given several times; `what` says where the tags go."""
    parser.add_argument(
        "--tag",
        metavar="NAME",
        action="append",
        default=[],
        help=f"{what}, for models trained with tags (may be given several times)",
    )
