"""Options that several commands share: model and device, columns of files, how to decode."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transduce.cli.parser import Parser
from transduce.machine import hardware
from transduce.machine.devices import choose_device

if TYPE_CHECKING:
    from transduce.models.model import Model
    from transduce.tasks.task import Task
    from transduce.workflows.predict.method import Method

log = logging.getLogger(__name__)


Group = argparse._ActionsContainer  # a parser, or a group of its options
Rows = tuple[tuple[str, type, str, str], ...]  # option, type, metavar, help

SEARCH: Rows = (
    ("--alpha", float, "A", "length penalty: the score is log-probability / length^A"),
    ("--coverage-penalty", float, "W", "weight of source tokens that got little attention"),
    ("--groups", int, "N", "diverse beam search: groups that the beam is divided into"),
    ("--diversity", float, "W", "what a group pays for a token that an earlier group takes; 0.5 is usual"),
    ("--batch-tokens", int, "N", "padded source tokens decoded together; fewer need less memory"),
)
OUTPUTS: Rows = (
    ("--min-length", int, "N", "shortest output, in tokens"),
    ("--max-length", int, "N", "longest output, in tokens, whatever the source"),
    ("--max-ratio", float, "R", "longest output, in tokens per source token, on top of --max-extra"),
    ("--max-extra", int, "N", "tokens any output may have, however short its source"),
    ("--no-repeat-ngram", int, "N", "no sequence of N tokens twice in an output"),
    ("--repetition-penalty", float, "P", "divides the logits of tokens that the output has already; above 1"),
)
SAMPLING: Rows = (
    ("--temperature", float, "T", "below 1 is bolder, above 1 more varied (default: 1)"),
    ("--top-k", int, "K", "only the K most probable tokens"),
    ("--top-p", float, "P", "only the fewest tokens that together have probability P"),
    ("--min-p", float, "P", "only tokens with at least P times the best one's probability"),
    ("--seed", int, "N", "the draws of a line depend on it and on the line's place in the input (default: 1)"),
)

# --- Kinds of options


def add_file(group: Group, option: str, text: str, required: bool = False) -> None:
    group.add_argument(option, metavar="FILE", type=Path, required=required, help=text)


def add_flag(group: Group, option: str, text: str) -> None:
    group.add_argument(option, action="store_true", help=text)


def add_repeated(group: Group, option: str, metavar: str, text: str, kind: type = str) -> None:
    """An option that may occur several times; its value is a list."""
    text = f"{text} (may be given several times)"
    group.add_argument(option, metavar=metavar, type=kind, action="append", default=[], help=text)


# --- Models


def add_folder(parser: Parser, required: bool = True) -> None:
    number = None if required else "?"
    parser.add_argument(
        "model", metavar="MODEL", type=Path, nargs=number, help="model folder, or run folder (runs/NAME)"
    )


def add_device(parser: Parser) -> None:
    text = "where to compute: auto, cpu, cuda or cuda:N (default: auto, a GPU where there is one)"
    parser.add_argument("--device", metavar="D", help=text)


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
    text = "another model with the same vocabularies: their probabilities are averaged"
    add_repeated(parser, "--ensemble", "OTHER", text, Path)


def opened_for(task: type["Task"], options: argparse.Namespace, tag: str = "tag") -> "Model":
    """`opened`, with a ValueError for a model of another task. Says what tags the model knows where `--TAG` gives none."""
    model = opened(options)
    model.require(task)
    note_tags(model, getattr(options, tag), _option(tag))
    return model


def opened(options: argparse.Namespace) -> "Model":
    """The model, or the ensemble, that the options of `add_folder` or `add_model`, and `add_ensemble`, name."""
    from transduce.models.ensemble import open_models

    paths = [options.model, *getattr(options, "ensemble", ())]
    return open_models(paths, ready_device(options.device), getattr(options, "precision", "float32"))


def ready_device(request: str | None) -> str:
    """The device that --device means. On a CPU, sets as many threads as cores are free: one that waits for its core makes
    all of them wait. ValueError for a device that is not there.
    """
    device = choose_device(request)
    if device == "cpu":
        hardware.choose_threads()
    return device


def note_tags(model: "Model", tags: Sequence[object], option: str = "--tag") -> None:
    """Says what tags the model knows, where none is given."""
    from transduce.workflows.advice import tag_advice

    if advice := tag_advice(model, tags, option):
        log.info("%s", advice)


def add_tag(parser: Group, what: str) -> None:
    """--tag, which may be given several times; `what` says where the tags go."""
    add_repeated(parser, "--tag", "NAME", f"{what}, for models trained with tags")


# --- Files of records


def add_columns(parser: Group, text: str) -> None:
    """--columns, which names the columns of files; `columns` reads it."""
    parser.add_argument("--columns", metavar="NAME=COLUMN,..", help=text)


def columns(options: argparse.Namespace) -> dict[str, str] | None:
    """The value of --columns, {"source": "en", "target": "de"}. ValueError for any other text."""
    if options.columns is None:
        return None
    from transduce.tasks.table import TASKS

    names = (*dict.fromkeys(column for task in TASKS.values() for column in task().columns), "tag", "group")
    parts = [part.partition("=") for part in options.columns.split(",")]
    columns_by_name = {name: column for name, _, column in parts}
    if (
        not all(equals for _, equals, _ in parts)
        or not columns_by_name.keys() <= {*names}
        or len(columns_by_name) < len(parts)
    ):
        raise ValueError(
            f"--columns takes NAME=COLUMN with names of {', '.join(names)}, each once, found {options.columns!r}"
        )
    return columns_by_name


# --- Decoding


def add_decoding(parser: Parser) -> None:
    """All but `--beam` and `--n-best`; the defaults are the model's own settings."""
    _add(parser.add_argument_group("search (defaults: the model's)"), SEARCH)
    _add(parser.add_argument_group("outputs (defaults: the model's)"), OUTPUTS)
    sampling = parser.add_argument_group("sampling")
    add_flag(sampling, "--sample", "draw tokens by their probability instead of searching")
    _add(sampling, SAMPLING)
    risk = parser.add_argument_group("minimum Bayes risk")
    risk.add_argument("--mbr", metavar="N", type=int, help="of N outputs the one most like all of them by chrF")
    risk.add_argument(
        "--mbr-of", choices=["samples", "beam"], help="draw the N outputs, or search for them (default: samples)"
    )


def add_generation(parser: Parser) -> None:
    """The options of a model that continues a prompt: lengths, repetition, draws."""
    rows = tuple(row for row in OUTPUTS if row[0] not in ("--max-ratio", "--max-extra"))
    _add(parser.add_argument_group("outputs (defaults: the model's)"), rows)
    _add(parser.add_argument_group("sampling"), SAMPLING)


def decoding_changes(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of `Decoding` that the options change, without sampling."""
    changes = _values(options, SEARCH) | _values(options, OUTPUTS)
    return changes if options.beam is None else changes | {"beam": options.beam}


def sampling_changes(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of `Sampling` that the options change."""
    return _values(options, SAMPLING)


def method(options: argparse.Namespace, model: "Model", language: str | None = None) -> "Method":
    """How the options want `model` to translate; lines are paragraphs where the `language` of their sentences is given.

    ValueError for options that do not go together.
    """
    from transduce.decoding.strategies.sampling import Sampling
    from transduce.networks.stepping import decodes
    from transduce.workflows.predict.method import Method

    decoding_options = decoding_options_in(options)
    if decoding_options and not decodes(model.network):
        raise ValueError(
            f"{decoding_options[0]} is for models that generate text, and {model.name} is for {model.task.name}: leave it out"
        )
    n_best = getattr(options, "n_best", None)
    _check(options, n_best)
    changes = decoding_changes(options)
    number = n_best if options.mbr is None else options.mbr
    if number is not None:
        changes["n_best"] = number
    if _samples(options):
        changes["sampling"] = Sampling(**sampling_changes(options))
    return Method(model.decoding(**changes), options.mbr is not None, language)


def decoding_options_in(options: argparse.Namespace) -> list[str]:
    """The options of `add_decoding`, and --beam, that have a value."""
    named = [*_values(options, SEARCH), *_values(options, OUTPUTS), *_values(options, SAMPLING)]
    named += [name for name in ("beam", "mbr", "mbr_of") if getattr(options, name) is not None]
    return [_option(name) for name in ([*named, "sample"] if options.sample else named)]


def _add(group: Group, rows: Rows) -> None:
    for option, kind, metavar, text in rows:
        group.add_argument(option, metavar=metavar, type=kind, help=text)


def _samples(options: argparse.Namespace) -> bool:
    return bool(options.sample) or (options.mbr is not None and options.mbr_of != "beam")


def _check(options: argparse.Namespace, n_best: int | None) -> None:
    if options.mbr is None and options.mbr_of is not None:
        raise ValueError("--mbr-of goes with --mbr N")
    if options.mbr is not None and n_best is not None:
        raise ValueError("--mbr chooses one output of its N: leave out --n-best")
    if options.mbr is not None and options.mbr < 1:
        raise ValueError(f"--mbr must be at least 1, found {options.mbr}")
    if options.sample and options.mbr_of == "beam":
        raise ValueError("--sample draws, --mbr-of beam searches: give one of them")
    sampling = _values(options, SAMPLING)
    if sampling and not _samples(options):
        raise ValueError(f"{_option(next(iter(sampling)))} goes with --sample or --mbr N")
    if _samples(options) and options.beam is not None:
        option = "--sample" if options.sample else "--mbr (of samples)"
        raise ValueError(f"--beam searches, {option} draws: give one of them")


def _values(options: argparse.Namespace, rows: Rows) -> dict[str, Any]:
    """The options that have a value, by the names of their settings."""
    names = [option.removeprefix("--").replace("-", "_") for option, *_ in rows]
    return {name: value for name in names if (value := getattr(options, name, None)) is not None}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
