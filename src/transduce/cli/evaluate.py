"""`transduce evaluate`."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.evaluate_options import breakdown_kinds, check, check_task, edges, evaluate_parser, metric_names
from transduce.cli.options import columns, method, ready_device

if TYPE_CHECKING:
    from transduce.workflows.evaluate.assessment import Assessment, Questions
    from transduce.workflows.evaluate.systems import Systems, TestFiles

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    options = evaluate_parser().parse(arguments)
    check(options)

    from transduce.cli.evaluate_output import as_json, as_text
    from transduce.tasks.task import gives_probabilities
    from transduce.workflows.evaluate.run import write_translations
    from transduce.workflows.evaluate.systems import evaluate_systems, task_of

    systems, questions = _systems(options), _questions(options)
    if options.model is not None:
        task = task_of(options.model)
        check_task(options, task)
        if not options.calibration and not gives_probabilities(task):  # a report does without
            questions = replace(questions, calibration=False)
    if systems.models:
        systems = replace(systems, device=ready_device(options.device))
    assessment = evaluate_systems(systems, _test_files(options), questions)
    output = _without_report_parts(assessment, options)
    try:
        streams.write(as_json(output) if options.json else as_text(output))
    finally:  # a reader that leaves early loses nothing of the files
        if options.output is not None:
            write_translations(options.output, assessment.subject)
        if options.report is not None:
            from transduce.workflows.evaluate.report import write_report  # and with it what draws pictures

            write_report(options.report, assessment, options.model)
            log.info("%s: written", options.report)
    return 0


def _systems(options: argparse.Namespace) -> "Systems":
    from transduce.workflows.evaluate.systems import Systems

    return Systems(
        model=options.model,
        ensemble=options.ensemble,
        outputs=options.outputs,
        compare=options.compare,
        precision=options.precision,
        method=lambda model: method(options, model),
    )


def _test_files(options: argparse.Namespace) -> "TestFiles":
    from transduce.workflows.evaluate.systems import TestFiles

    return TestFiles(
        source=options.source,
        references=options.reference,
        pairs=options.data,
        columns=columns(options),
        records=options.records,
        alternatives=options.alternatives,
        tags=tuple(options.tag),
    )


def _questions(options: argparse.Namespace) -> "Questions":
    """The settings of the evaluation. A report has all breakdowns, some sentences, and the calibration of a model."""
    from transduce.workflows.evaluate.assessment import REPORTED_SENTENCES, Questions
    from transduce.workflows.evaluate.breakdowns import KINDS

    reports, kinds = options.report is not None, breakdown_kinds(options)
    by_default = REPORTED_SENTENCES if reports else 0
    return Questions(
        metrics=metric_names(options),
        breakdowns=[kind for kind in KINDS if reports or kind in kinds],
        explain=[kind for kind in KINDS if kind in kinds],
        edges=edges(options),
        train=options.train,
        train_columns=columns(options),
        sentences=by_default if options.worst is None else options.worst,
        calibration=options.calibration or (reports and not options.ensemble),
    )


def _without_report_parts(assessment: "Assessment", options: argparse.Namespace) -> "Assessment":
    """The assessment without what only the report shows."""
    kinds = breakdown_kinds(options)
    return replace(
        assessment,
        breakdowns=tuple(table for table in assessment.breakdowns if table.kind in kinds),
        calibration=assessment.calibration if options.calibration else None,
        worst=assessment.worst if options.worst else None,
        different=assessment.different if options.worst else (),
    )
