"""Report: an assessment as one HTML page that needs nothing else: no network, no script, no other file."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from transduce.data.records import counted, plural
from transduce.drawing.breakdown_chart import Point, scores_by_part
from transduce.drawing.curves import learning_curve
from transduce.drawing.html_page import html_page
from transduce.drawing.pictures import svg
from transduce.drawing.reliability_diagram import reliability_diagram
from transduce.evaluation.calibration import BINS
from transduce.evaluation.classification import Confusion
from transduce.evaluation.metrics import ERROR_RATES, METRICS
from transduce.evaluation.significance import Comparison, interval
from transduce.evaluation.unmatched_words import nearest, unmatched
from transduce.files import write_atomically
from transduce.models.find import run_folder_of
from transduce.models.folder import CARD
from transduce.tasks.references import figure_names, loss_unit
from transduce.training import metrics_log
from transduce.workflows.evaluate.assessment import Assessment
from transduce.workflows.evaluate.breakdowns import BreakdownTable
from transduce.workflows.evaluate.number_format import (
    NOTHING,
    draws,
    figure,
    letter,
    p_value,
    percent,
    scored_units,
    spread,
)
from transduce.workflows.evaluate.run import Evaluation, Judged
from transduce.workflows.evaluate.sentence_tables import Output, Sentence
from transduce.workflows.info.run import ModelInfo, model_info

Rows = list[tuple[str, str]]

CARD_BYTES = 100_000  # of a model card, in the report
CONFUSION_CLASSES = 40  # the most frequent ones, in the report's matrix
BLUES = colormaps["Blues"]


def write_report(path: Path, assessment: Assessment, model: Path | None = None) -> None:
    """Writes the page about an assessment. `model` is the folder of the subject, or of its run, where it is a model."""
    write_atomically(path, report_page(assessment, model))


def report_page(assessment: Assessment, model: Path | None = None) -> str:
    """The page as text. Whatever comes from data, models and file names is escaped in it."""
    subject = assessment.subject
    evaluation = subject if isinstance(subject, Evaluation) else None
    info = None if model is None else model_info(model)
    pictures = {name: _data_uri(each) for name, each in _pictures(assessment, model).items()}
    text = html_page(
        Path(__file__).with_name("report.html.jinja"),
        FILTERS,
        assessment=assessment,
        subject=subject,
        letters=[letter(place) for place in range(len(assessment.systems))],
        evaluation=evaluation,
        figures={} if evaluation is None else {name: f"{value:.4g}" for name, value in evaluation.figures.items()},
        units="" if evaluation is None else scored_units(assessment.held_out, evaluation.units),
        scored_unit=assessment.held_out.scored_unit,
        contents=_contents(assessment, info, pictures),
        draws=draws(),
        calibration_bins=BINS,
        confusion=None if assessment.confusion is None else _confusion_cells(assessment.confusion),
        pictures=pictures,
        sentence_metric=subject.of_sentences[0].name if subject.scores else "",
        model=[] if info is None else _facts(info),
        card=None if info is None else _card(info),
    )
    return text.encode("utf-8", "replace").decode()  # names of files need not be text


def _contents(assessment: Assessment, info: ModelInfo | None, pictures: dict[str, str]) -> Rows:
    """Anchor and name of each section that the page has."""
    different = [
        (f"different-{letter(place)}", f"Most different: A and {letter(place)}")
        for place, table in enumerate(assessment.different, 1)
        if table.sentences
    ]
    sections = [
        ("scores", "Scores", True),
        ("comparison", "Comparison", bool(assessment.compared and assessment.subject.scores)),
        ("breakdowns", "Breakdowns", bool(assessment.breakdowns)),
        ("calibration", "Calibration", assessment.calibration is not None),
        ("confusion", "Confusion", assessment.confusion is not None),
        (
            "worst",
            f"Worst {plural(assessment.held_out.item)}",
            assessment.worst is not None and bool(assessment.worst.sentences),
        ),
        *((anchor, name, True) for anchor, name in different),
        ("curve", "Learning curve", "curve" in pictures),
        ("model", "Model", info is not None),
    ]
    return [(anchor, name) for anchor, name, there in sections if there]


def _pictures(assessment: Assessment, model: Path | None) -> dict[str, str]:
    """SVG documents by name. They hold no text from data, for whose script a font might be missing."""
    pictures, task = {}, assessment.held_out.task
    for table in assessment.breakdowns:
        if table.kind == "length" and assessment.subject.scores:
            pictures["length"] = _length_picture(table, assessment.systems)
    if assessment.calibration is not None:
        pictures["calibration"] = svg(
            reliability_diagram(assessment.calibration.bins, assessment.calibration.expected_error)
        )
    run = None if model is None else run_folder_of(model)
    events = [] if run is None else metrics_log.read(run / "metrics.jsonl")
    if events:
        pictures["curve"] = svg(learning_curve(events, ERROR_RATES, figure_names(task), loss_unit(task)))
    return pictures


def _length_picture(table: BreakdownTable, systems: tuple[Judged, ...]) -> str:
    points: list[list[Point | None]] = []
    for system in systems:
        metric, statistics = system.of_sentences
        row: list[Point | None] = []
        for part in table.breakdown.slices:
            value = float(metric.values(statistics[part.places].sum(0, keepdims=True))[0])
            ends = interval(metric, statistics[part.places])
            row.append(None if ends is None else (value, ends.low, ends.high))
        points.append(row)
    parts = table.breakdown.slices
    return svg(
        scores_by_part(
            [letter(place) for place in range(len(systems))],
            [part.name for part in parts],
            [len(part.places) for part in parts],
            points,
            (table.breakdown.title, systems[0].of_sentences[0].name),
        )
    )


def _facts(info: ModelInfo) -> list[tuple[str, Rows]]:
    """What `transduce info` says, as titled tables."""
    return [
        ("Network", [("folder", str(info.folder)), ("architecture", info.architecture), *info.network.items()]),
        ("Parameters", info.parameters.rows),
        ("Vocabularies", [*info.processors.items()]),
        ("Decoding", list(info.generation.items())),
    ]


def _confusion_cells(confusion: Confusion) -> list[tuple[str, list[tuple[int, str]]]]:
    """Each class with its row of counts, and the background of each cell: the share of the row, of the 40 largest."""
    most = min(len(confusion.classes), CONFUSION_CLASSES)
    shares = confusion.counts / np.maximum(1, confusion.counts.sum(1, keepdims=True))
    colours = [[to_hex(BLUES(0.75 * share)) for share in row[:most]] for row in shares[:most].tolist()]
    counts = confusion.counts[:most, :most].tolist()
    return [
        (name, list(zip(row, background, strict=True)))
        for name, row, background in zip(confusion.classes, counts, colours, strict=False)
    ]


def _card(info: ModelInfo) -> str | None:
    """The beginning of the card, which its owner may have made of any length; None where there is none."""
    if CARD not in info.files:
        return None
    with open(info.folder / CARD, "rb") as file:
        return file.read(CARD_BYTES).decode("utf-8", "replace")


def _data_uri(picture: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode('ascii')}"


def _better(one: Comparison, other: str) -> str:
    if one.difference == 0:
        return NOTHING
    return other if (one.difference > 0) == METRICS[one.metric].higher_is_better else "A"


def _pieces(output: Output, sentence: Sentence) -> list[tuple[str, bool]]:
    """The output in pieces, those marked that its nearest reference has not."""
    return unmatched(output.text, nearest(output.text, sentence.references))


FILTERS: dict[str, Callable[..., object]] = {
    "plural": plural,
    "figure": figure,
    "interval": spread,
    "percent": percent,
    "p_value": p_value,
    "better": _better,
    "pieces": _pieces,
    "count": lambda number: f"{number:,}",
    "counted": counted,
}
