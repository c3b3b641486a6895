"""`transduce train`."""

import argparse
import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transduce.cli import streams
from transduce.cli.options import add_device, add_flag
from transduce.cli.parser import Parser
from transduce.cli.run_options import add_minutes, add_name, add_run_file, overrides
from transduce.cli.tables import read_table
from transduce.config import KeyDescription

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse(arguments)

    from transduce.cli.process import prepare_for_training, stop_on_signals
    from transduce.workflows.train.run import Abandoned, train
    from transduce.workflows.train.run_file import read_run

    if options.run is None and not (options.resume and options.name):
        raise ValueError("name a run file; only a run that resumes by its name (--resume --name NAME) does without one")
    folder = Path("runs") / (options.name or options.run.stem) if options.resume else None
    prepare_for_training([] if folder is None else [folder])
    try:
        file = read_run(options.run, overrides(options, "precision"), folder, options.name)
        trained = train(file, options.resume, stopping=stop_on_signals, device=options.device)
    except Abandoned:
        lost = "updates since the last checkpoint are lost"
        log.info("stopped at once; %s; to continue: %s", lost, _again(arguments))
        raise
    except KeyboardInterrupt:
        log.info("stopped before the first update; nothing is lost, the same command starts again")
        raise
    if trained.finished:
        log.info("done; try it: %s", _use(trained.folder))
        streams.write(f"{trained.folder / 'model'}\n")
        return 0
    log.info("stopped; to continue: %s", _again(arguments))
    return 128 + trained.signal if trained.signal else 1


def _parser() -> Parser:
    parser = Parser(
        "transduce train",
        "Trains a model as a run file says, into runs/NAME/ (by default NAME.toml is the run file); its data is prepared where "
        "that has not been done. Ctrl-C stops with a checkpoint, and --resume goes on as if nothing had happened. "
        "Prints the model folder.",
        "  transduce train run.toml --minutes 10\n"
        "  transduce train run.toml --set model.preset=transformer-base --set training.steps=100000\n"
        "  transduce train run.toml --name small --set model.preset=transformer-tiny\n"
        "  transduce train run.toml --resume\n"
        "  transduce train --resume --name small\n"
        "  transduce train --keys training.",
    )
    add_run_file(parser, required=False)
    add_name(parser)
    add_minutes(parser, "train this long, instead of the run file's budget")
    add_flag(parser, "--resume", "continue a run that was stopped; with --name it needs no RUN.toml")
    text = "number format (auto: bf16 where hardware is fast at it)"
    parser.add_argument("--precision", choices=["auto", "bf16", "float32"], help=text)
    add_device(parser)
    text = "list the keys of a run file that begin with PREFIX (default: all), and exit"
    parser.add_argument("--keys", action=_Keys, nargs="?", metavar="PREFIX", help=text)
    return parser


def _use(run: Path) -> str:
    """The command that uses the model of a run."""
    from transduce.models.folder import read_config

    return shlex.join(["transduce", read_config(run / "model").task.command, str(run)])


def _again(arguments: Sequence[str]) -> str:
    """The command that goes on: the same settings, as a run refuses others, and --resume."""
    return shlex.join(["transduce", "train", *(each for each in arguments if each != "--resume"), "--resume"])


class _Keys(argparse.Action):
    """Prints the keys of a run file."""

    def __call__(self, parser: argparse.ArgumentParser, _: Any, prefix: Any, *unused: Any) -> None:
        keys = [each for row in read_table("keys") if (each := KeyDescription(*row)).key.startswith(prefix or "")]
        if not keys:
            parser.error(f"no key of a run file begins with {prefix!r}; transduce train --keys lists all")
        for key in dict.fromkeys(each.key for each in keys):
            streams.write(f"{key}\n")
            for each in keys:
                if each.key == key:  # parts and networks of several kinds may have a key of one name
                    streams.write(f"    {each.text}\n    {each.type}; default: {each.default}\n")
        parser.exit()
