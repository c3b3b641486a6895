"""Sentences to look at: the worst outputs of a system, and those on which two systems differ most."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transduce.evaluation.metrics import METRICS
from transduce.evaluation.sentence_selection import most_different, sentence_metric, worst
from transduce.workflows.evaluate.run import Judged
from transduce.workflows.evaluate.test_set import HeldOut


@dataclass(frozen=True)
class Output:
    """What a system made of a sentence, and its value by the table's metric; None where that is not defined."""

    text: str
    value: float | None


@dataclass(frozen=True)
class Sentence:
    """An item of the test set, counted from 1, and each system's output. `source` is None where it is unknown."""

    number: int
    source: str | None
    references: tuple[str, ...]
    tags: tuple[str, ...]
    group: str
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class SentenceTable:
    """Sentences in the order to look at them in, and the metric that put them so."""

    metric: str
    sentences: tuple[Sentence, ...]


def worst_sentences(held_out: HeldOut, system: Judged, most: int) -> SentenceTable:
    """The sentences that score worst, by chrF where it was measured, else by what says most about a sentence."""
    metric = METRICS[metric_of_sentences(system)]
    values = metric.values(system.statistics[_place(system)])
    return _table(held_out, [system], worst(metric, values, most))


def different_sentences(held_out: HeldOut, first: Judged, second: Judged, most: int) -> SentenceTable:
    """The sentences on which the two systems' scores are furthest apart."""
    metric = METRICS[metric_of_sentences(first)]
    ours, theirs = (metric.values(each.statistics[_place(each)]) for each in (first, second))
    return _table(held_out, [first, second], most_different(ours, theirs, most))


def metric_of_sentences(system: Judged) -> str:
    """Of the metrics that a system was judged by, the one that says most about single sentences."""
    return sentence_metric([score.name for score in system.scores])


def _place(system: Judged) -> int:
    return [score.name for score in system.scores].index(metric_of_sentences(system))


def _table(held_out: HeldOut, systems: Sequence[Judged], places: Sequence[int]) -> SentenceTable:
    sentences = tuple(
        Sentence(
            number=place + 1,
            source=held_out.sources[place] if held_out.sources else None,
            references=held_out.references[place],
            tags=held_out.tags[place] if held_out.tags else (),
            group=held_out.groups[place] if held_out.groups else "",
            outputs=tuple(_output(system, place) for system in systems),
        )
        for place in places
    )
    return SentenceTable(metric_of_sentences(systems[0]), sentences)


def _output(system: Judged, place: int) -> Output:
    metric, statistics = METRICS[metric_of_sentences(system)], system.statistics[_place(system)]
    value = float(metric.values(statistics[place : place + 1])[0])
    return Output(system.translations[place], None if math.isnan(value) else value)
