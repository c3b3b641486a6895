"""`transduce evaluate`."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.evaluate_options import asked_breakdowns, check, evaluate_parser

if TYPE_CHECKING:
    from transduce.workflows.evaluate.assessment import Assessment

log = logging.getLogger(__name__)


SUMMARY = "measure how good translations are, and compare systems"


def main(arguments: Sequence[str]) -> int:
    options = evaluate_parser().parse(arguments)
    check(options)

    from transduce.cli.evaluate_output import as_json, as_text
    from transduce.cli.evaluate_systems import assessment
    from transduce.workflows.evaluate.run import write_translations

    found = assessment(options)
    asked = _asked(found, options)
    try:
        streams.write(as_json(asked) if options.json else as_text(asked))
    finally:  # a reader that leaves early loses nothing of the files
        if options.output is not None:
            write_translations(options.output, found.subject)
        if options.report is not None:
            from transduce.workflows.evaluate.report import write_report  # and with it what draws pictures

            write_report(options.report, found, options.model)
            log.info("%s: written", options.report)
    return 0


def _asked(found: "Assessment", options: argparse.Namespace) -> "Assessment":
    """Without what only the report was to show."""
    return replace(
        found,
        breakdowns=tuple(table for table in found.breakdowns if table.kind in asked_breakdowns(options)),
        calibration=found.calibration if options.calibration else None,
        worst=found.worst if options.worst else None,
        different=found.different if options.worst else (),
    )
