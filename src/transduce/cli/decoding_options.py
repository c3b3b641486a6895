"""Options that say how to decode, and what becomes of them."""

import argparse
from typing import TYPE_CHECKING, Any

from transduce.cli.parser import Parser

if TYPE_CHECKING:
    from transduce.models.model import Model
    from transduce.workflows.predict.method import Method

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


def add_decoding(parser: Parser) -> None:
    """All but `--beam` and `--n-best`; the defaults are the model's own settings."""
    _add(parser.add_argument_group("search (defaults: the model's)"), SEARCH)
    _add(parser.add_argument_group("outputs (defaults: the model's)"), OUTPUTS)
    sampling = parser.add_argument_group("sampling")
    sampling.add_argument("--sample", action="store_true", help="draw tokens by their probability instead of searching")
    _add(sampling, SAMPLING)
    risk = parser.add_argument_group("minimum Bayes risk")
    risk.add_argument("--mbr", metavar="N", type=int, help="of N outputs the one most like all of them by chrF")
    risk.add_argument(
        "--mbr-of", choices=["samples", "beam"], help="draw the N outputs, or search for them (default: samples)"
    )


def method(options: argparse.Namespace, model: "Model", language: str | None = None) -> "Method":
    """How the options want `model` to translate; lines are paragraphs where the `language` of their sentences is given.

    ValueError for options that do not go together.
    """
    from transduce.workflows.predict.method import method_of

    n_best = getattr(options, "n_best", None)
    _check(options, n_best)
    changes = _given(options, SEARCH) | _given(options, OUTPUTS)
    if options.beam is not None:
        changes["beam"] = options.beam
    number = n_best if options.mbr is None else options.mbr
    if number is not None:
        changes["n_best"] = number
    draws = _given(options, SAMPLING) if _samples(options) else None
    return method_of(model, changes, draws, least_risk=options.mbr is not None, language=language)


def decoding_options_given(options: argparse.Namespace) -> list[str]:
    """Those of `add_decoding`, and --beam, that were given."""
    named = [*_given(options, SEARCH), *_given(options, OUTPUTS), *_given(options, SAMPLING)]
    named += [name for name in ("beam", "mbr", "mbr_of") if getattr(options, name) is not None]
    return [_option(name) for name in ([*named, "sample"] if options.sample else named)]


def _add(group: Any, rows: Rows) -> None:
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
    sampling = _given(options, SAMPLING)
    if sampling and not _samples(options):
        raise ValueError(f"{_option(next(iter(sampling)))} goes with --sample or --mbr N")
    if _samples(options) and options.beam is not None:
        asked = "--sample" if options.sample else "--mbr (of samples)"
        raise ValueError(f"--beam searches, {asked} draws: give one of them")


def _given(options: argparse.Namespace, rows: Rows) -> dict[str, Any]:
    """The values of the options that were given, by the names of settings."""
    names = [option.removeprefix("--").replace("-", "_") for option, *_ in rows]
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
