"""The assessment of `transduce evaluate`, as text for people and as JSON."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from transduce import terminal
from transduce.data.records import counted, plural
from transduce.evaluation.calibration import Calibration
from transduce.evaluation.classification import Confusion
from transduce.workflows.evaluate.assessment import Assessment
from transduce.workflows.evaluate.breakdowns import BreakdownTable
from transduce.workflows.evaluate.compare import Compared
from transduce.workflows.evaluate.number_format import (
    NOTHING,
    draws,
    figure,
    letter,
    p_value,
    scored_units,
    spread,
)
from transduce.workflows.evaluate.run import Evaluation, Judged
from transduce.workflows.evaluate.sentence_tables import SentenceTable
from transduce.workflows.evaluate.test_set import HeldOut

Row = Sequence[str]
CONFUSED = 10  # pairs of classes shown


def as_text(assessment: Assessment) -> str:
    """Tables: the scores, then the other tables, each under its title."""
    blocks = [terminal.table(_score_rows(assessment), "lrrl")]
    if assessment.compared:
        blocks.append(
            "".join(
                f"{letter(place)}  {terminal.harmless(each.name)}\n" for place, each in enumerate(assessment.systems)
            )
        )
    blocks += [_comparison(each, letter(place)) for place, each in enumerate(assessment.compared, 1)]
    blocks += [_breakdown(each, assessment.systems, assessment.held_out.item) for each in assessment.breakdowns]
    if assessment.calibration is not None:
        blocks.append(_calibration(assessment))
    if assessment.confusion is not None:
        blocks.append(_confusion(assessment.confusion, assessment.held_out.item))
    if assessment.worst is not None:
        blocks.append(_sentences("worst", assessment.held_out, assessment.worst, ["A"]))
    for place, table in enumerate(assessment.different, 1):
        blocks.append(_sentences("most different", assessment.held_out, table, ["A", letter(place)]))
    return "\n".join(blocks)


def as_json(assessment: Assessment) -> str:
    """One object on one line. What JSON has no number for, such as infinity, is null."""
    subject = assessment.subject
    tree: dict[str, Any] = {"sentences": len(assessment.held_out.references), "metrics": _json_scores(subject)}
    if isinstance(subject, Evaluation):
        tree |= {
            **{name: value if math.isfinite(value) else None for name, value in subject.figures.items()},
            "units": subject.units,
            "sources_cut": subject.cut,
        }
    if assessment.compared:
        tree |= {"draws": draws(), "comparisons": [_json_comparison(each) for each in assessment.compared]}
    if assessment.breakdowns:
        tree["breakdowns"] = [_json_breakdown(each, assessment.systems) for each in assessment.breakdowns]
    if assessment.calibration is not None:
        tree["calibration"] = asdict(assessment.calibration)
    if assessment.confusion is not None:
        tree["confusion"] = {"classes": assessment.confusion.classes, "counts": assessment.confusion.counts.tolist()}
    if assessment.worst is not None:
        tree["worst"] = asdict(assessment.worst)
        tree["most_different"] = [asdict(table) for table in assessment.different]
    return json.dumps(tree) + "\n"


def _score_rows(assessment: Assessment) -> Iterator[Row]:
    subject = assessment.subject
    for score, interval in zip(subject.scores, subject.intervals, strict=True):
        yield score.name, figure(score.value), f"[{spread(interval)}]", score.signature
    if isinstance(subject, Evaluation):
        for name, value in subject.figures.items():
            yield name, f"{value:.4g}", "", scored_units(assessment.held_out, subject.units)
    yield plural(assessment.held_out.item), f"{len(assessment.held_out.references):,}", "", ""


def _comparison(compared: Compared, other: str) -> str:
    named = draws()
    title = (
        f"{other} compared with A: paired bootstrap ({named['resamples']:,} resamples) and approximate randomisation "
        f"({named['trials']:,} trials), seed {named['seed']}\n"
    )
    head = ("", "A", other, f"{other} - A", "95 %", "p (bootstrap)", "p (randomisation)")
    rows = [
        (
            each.metric,
            figure(each.baseline),
            figure(each.other),
            f"{each.difference:+.2f}",
            f"[{spread(each.interval)}]",
            p_value(each.bootstrap_p),
            p_value(each.randomisation_p),
        )
        for each in compared.comparisons
    ]
    return title + terminal.table([head, *rows], "lrrrrrr")


def _breakdown(table: BreakdownTable, systems: Sequence[Judged], item: str) -> str:
    several = len(systems) > 1
    names = [score.name for score in systems[0].scores]
    head = ("", plural(item), *([""] if several else []), *names)
    rows = []
    for part, values in zip(table.breakdown.slices, table.values, strict=True):
        for place, row in enumerate(values):
            name, size = (part.name, f"{len(part.places):,}") if place == 0 else ("", "")
            rows.append((name, size, *([letter(place)] if several else []), *map(figure, row)))
    return f"by {table.breakdown.title}\n" + terminal.table([head, *rows], "lr" + "l" * several + "r" * len(names))


def _calibration(assessment: Assessment) -> str:
    of = assessment.calibration
    assert of is not None
    unit = assessment.held_out.scored_unit
    title = (
        f"calibration: expected calibration error {100 * of.expected_error:.2f} %{_interval(of)} over {counted(of.tokens, unit)} "
        f"(mean confidence {100 * of.confidence:.2f} %, right {100 * of.accuracy:.2f} %)\n"
    )
    head = ("confidence", plural(unit.split()[-1]), "mean", "right")
    rows = [
        (
            f"{100 * each.low:.1f} to {100 * each.high:.1f} %",
            f"{each.tokens:,}",
            f"{100 * each.confidence:.1f}",
            f"{100 * each.accuracy:.1f}",
        )
        for each in of.bins
    ]
    return title + terminal.table([head, *rows], "lrrr")


def _interval(of: Calibration) -> str:
    """That of the error of a small test set: ` [0.80 to 2.10]`."""
    return "" if of.interval is None else f" [{100 * of.interval.low:.2f} to {100 * of.interval.high:.2f}]"


def _confusion(confusion: Confusion, item: str) -> str:
    """The pairs of classes that are confused most often; the whole matrix is in --json and in the report."""
    pairs = confusion.most_confused(CONFUSED)
    title = f"confusion: {len(confusion.classes)} classes; most often confused\n"
    if not pairs:
        return f"{title}none\n"
    rows = [(right, predicted, f"{count:,}") for right, predicted, count in pairs]
    return title + terminal.table([("right", "predicted", plural(item)), *rows], "llr")


def _sentences(which: str, held_out: HeldOut, table: SentenceTable, letters: Sequence[str]) -> str:
    item, key = held_out.item, held_out.task.key
    of = f" of {' and '.join(letters)}" if len(letters) > 1 else ""
    blocks = [f"{which} {plural(item)}{of}, by {table.metric}\n" + ("" if table.sentences else "none\n")]
    for each in table.sentences:
        tags = f"  tags {' '.join(each.tags)}" if each.tags else ""
        group = f"  group {terminal.harmless(each.group)}" if each.group else ""
        rows: list[Row] = [] if each.source is None else [(f"  {key}", "", each.source)]
        rows += [("  reference", "", reference) for reference in each.references]
        for name, output in zip(letters, each.outputs, strict=True):
            label = f"  output {name}" if len(letters) > 1 else "  output"
            rows.append((label, NOTHING if output.value is None else f"{output.value:.1f}", output.text))
        blocks.append(f"{item} {each.number:,}{group}{tags}\n" + terminal.table(rows, "lrl"))
    return "\n".join(blocks)


def _json_scores(system: Judged) -> dict[str, Any]:
    return {
        score.name: {
            "value": score.value,
            "signature": score.signature,
            "interval": None if interval is None else [interval.low, interval.high],
        }
        for score, interval in zip(system.scores, system.intervals, strict=True)
    }


def _json_comparison(compared: Compared) -> dict[str, Any]:
    metrics = {
        each.metric: {
            "difference": each.difference,
            "difference_interval": None if each.interval is None else [each.interval.low, each.interval.high],
            "bootstrap_p": each.bootstrap_p,
            "randomisation_p": each.randomisation_p,
        }
        for each in compared.comparisons
    }
    scores = _json_scores(compared.other)
    return {"system": compared.other.name, "metrics": {name: scores[name] | metrics[name] for name in scores}}


def _json_breakdown(table: BreakdownTable, systems: Sequence[Judged]) -> dict[str, Any]:
    names = [score.name for score in systems[0].scores]
    return {
        "by": table.kind,
        "title": table.breakdown.title,
        "parts": [
            {
                "name": part.name,
                "sentences": len(part.places),
                "systems": [
                    {"system": system.name, "metrics": dict(zip(names, row, strict=True))}
                    for system, row in zip(systems, values, strict=True)
                ],
            }
            for part, values in zip(table.breakdown.slices, table.values, strict=True)
        ],
    }
