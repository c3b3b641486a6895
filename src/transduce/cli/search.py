"""`transduce search`."""

import argparse
import logging
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transduce import config
from transduce.cli import streams
from transduce.cli.options import add_device, add_repeated
from transduce.cli.parser import Parser
from transduce.cli.run_options import add_minutes, add_run_file, overrides
from transduce.terminal import table, warnings_only

if TYPE_CHECKING:
    from transduce.workflows.search.run import SearchOutcome
    from transduce.workflows.search.trials import Result

log = logging.getLogger(__name__)


TRIALS = 12


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)

    from transduce.cli.process import prepare_for_training, stop_on_signals
    from transduce.workflows.search.run import search, search_folder

    prepare_for_training(search_folder(options.run).glob("trial-*"))
    with warnings_only("transduce.workflows.train"):  # each trial's run file and metrics hold the rest
        outcome = search(
            options.run,
            options.over,
            options.trials,
            overrides(options, "metric"),
            stopping=stop_on_signals,
            device=options.device,
        )
    if outcome.results:
        streams.write(_table(outcome))
    if outcome.best is not None:
        streams.write(_advice(options, outcome, outcome.best))
    if outcome.finished:
        return 0
    log.info("stopped; to continue: %s", shlex.join(["transduce", "search", *arguments]))
    return 128 + outcome.signal if outcome.signal else 1


def _parser() -> Parser:
    parser = Parser(
        "transduce search",
        "Trains a run file several times for a short while, each time with a few settings changed, and prints the "
        "result of each trial and the best settings, ready to copy. Trials are in runs/NAME-search/; the same command "
        "continues a search that was stopped. The first trial is the run file as it is, where its values are searched.",
        "  transduce search run.toml --trials 12 --minutes 5\n"
        "  transduce search run.toml --over training.learning-rate=1e-4..3e-3 --over model.dropout=0.0,0.1,0.3",
    )
    add_run_file(parser)
    text = (
        "a key to search, with LOW..HIGH or A,B,... (default: learning rate, dropout, label smoothing and batch size)"
    )
    add_repeated(parser, "--over", "KEY=VALUES", text)
    parser.add_argument("--trials", metavar="N", type=int, default=TRIALS, help=f"runs in all (default: {TRIALS})")
    add_minutes(parser, "train each trial this long, instead of the run file's budget")
    parser.add_argument("--metric", metavar="NAME", help="what is compared (default: the run's training.metric)")
    add_device(parser)
    return parser


def _table(outcome: "SearchOutcome") -> str:
    """One line per trial, best first, failed ones last."""
    keys = list(outcome.results[0].settings)
    rows = [["trial", outcome.metric, "step", "minutes", *keys]]
    sign = -1.0 if outcome.higher_is_better else 1.0
    scored = [each for each in outcome.results if each.value is not None]
    scored.sort(key=lambda each: (sign * (each.value or 0.0), each.trial))
    for each in [*scored, *(each for each in outcome.results if each.value is None)]:
        value = "failed" if each.value is None else f"{each.value:.4g}"
        settings = [str(each.settings[key]) for key in keys]
        rows.append([str(each.trial), value, str(each.step), f"{each.minutes:.1f}", *settings])
    return table(rows)


def _advice(options: argparse.Namespace, outcome: "SearchOutcome", best: "Result") -> str:
    changes = [*outcome.fixed, *(config.assignment(key, value) for key, value in best.settings.items())]
    snippet = config.dumps(config.override({}, [each for each in changes if not _is_of_a_list(each)]))
    flags = [word for each in [*options.set, *changes] for word in ("--set", each)]
    command = shlex.join(["transduce", "train", str(options.run), "--name", f"{options.run.stem}-best", *flags])
    head = f"\nbest: trial {best.trial}, {outcome.metric} {best.value:.4g}\n"
    return "\n".join(each for each in (head, snippet, f"{command}\n") if each)


def _is_of_a_list(assignment: str) -> bool:
    """Whether KEY=VALUE changes an item of a list, as data.train.1.weight=2 does: such a key is no TOML."""
    return any(name.isdecimal() for name in assignment.partition("=")[0].split("."))
