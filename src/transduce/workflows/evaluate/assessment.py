"""Assess: everything that outputs and references tell about a system, alone and beside others."""

from collections.abc import Sequence
from dataclasses import dataclass

from transduce.data.columns import Label
from transduce.evaluation.calibration import Calibration
from transduce.evaluation.classification import Confusion, confusion_matrix
from transduce.workflows.evaluate.breakdowns import BreakdownTable, Kind, WordCounts, breakdown_tables
from transduce.workflows.evaluate.compare import Compared, compare_systems
from transduce.workflows.evaluate.run import Judged
from transduce.workflows.evaluate.sentence_tables import SentenceTable, different_sentences, worst_sentences
from transduce.workflows.evaluate.test_set import HeldOut

REPORTED_SENTENCES = 20  # in each table of a report, unless told otherwise


@dataclass(frozen=True)
class Details:
    """Settings beside the scores: the kinds and edges of breakdowns, and the number of sentences to list."""

    breakdowns: Sequence[Kind] = ()
    edges: Sequence[int] = ()
    trained_on: WordCounts | None = None
    sentences: int = 0


@dataclass(frozen=True)
class Assessment:
    """What was found about `subject`. `different` has a table for each system of `compared`, if any were wanted."""

    held_out: HeldOut
    subject: Judged
    compared: tuple[Compared, ...]
    breakdowns: tuple[BreakdownTable, ...]
    worst: SentenceTable | None
    different: tuple[SentenceTable, ...]
    calibration: Calibration | None = None
    confusion: Confusion | None = None  # of the subject, in a task with one label per record

    @property
    def systems(self) -> tuple[Judged, ...]:
        """The subject, then those that it was compared with."""
        return (self.subject, *(each.other for each in self.compared))


def assess(
    held_out: HeldOut,
    subject: Judged,
    others: Sequence[Judged] = (),
    details: Details = Details(),
    calibration: Calibration | None = None,
) -> Assessment:
    """Compares the subject with each other system, and looks closer where that is wanted."""
    most = details.sentences if subject.scores else 0
    return Assessment(
        held_out=held_out,
        subject=subject,
        compared=tuple(compare_systems(subject, others)),
        breakdowns=tuple(
            breakdown_tables(held_out, [subject, *others], details.breakdowns, details.edges, details.trained_on)
        ),
        worst=worst_sentences(held_out, subject, most) if most else None,
        different=tuple(different_sentences(held_out, subject, other, most) for other in others) if most else (),
        calibration=calibration,
        confusion=_confusion(held_out, subject),
    )


def _confusion(held_out: HeldOut, subject: Judged) -> Confusion | None:
    task = held_out.task
    if not subject.translations or task.answer is None or not isinstance(task.columns[task.answer], Label):
        return None
    return confusion_matrix(subject.translations, held_out.references)
