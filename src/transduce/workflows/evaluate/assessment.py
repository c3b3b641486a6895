"""Assess: everything that outputs and references tell about a system, alone and beside others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
class Questions:
    """Settings of an evaluation: metrics (None for all), kinds of breakdowns, number of sentences to list, calibration.

    explain: the breakdowns of which a message says why they are left out. edges: of lengths. train, train_columns: files in
    which words are counted for "rare-words", as `count_words` takes them.
    """

    metrics: Sequence[str] | None = None
    breakdowns: Sequence[Kind] = ()
    explain: Sequence[Kind] = ()
    edges: Sequence[int] = ()
    train: Sequence[Path] = ()
    train_columns: Mapping[str, str] | None = None
    sentences: int = 0
    calibration: bool = False


@dataclass(frozen=True)
class Assessment:
    """The results about `subject`. `different` has a table for each system of `compared`, if sentences are to be listed."""

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
    questions: Questions = Questions(),
    calibration: Calibration | None = None,
    training_words: WordCounts | None = None,
) -> Assessment:
    """Compares the subject with each other system, and answers the questions about both."""
    systems, most = [subject, *others], questions.sentences if subject.scores else 0
    kinds = questions.breakdowns if subject.scores else ()
    return Assessment(
        held_out=held_out,
        subject=subject,
        compared=tuple(compare_systems(subject, others)),
        breakdowns=tuple(breakdown_tables(held_out, systems, kinds, questions.edges, training_words)),
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
