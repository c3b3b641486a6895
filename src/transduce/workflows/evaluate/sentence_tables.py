"""Sentences to look at: the worst outputs of a system, and those on which two systems differ most."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transduce.evaluation.sentence_selection import most_different, worst
from transduce.workflows.evaluate.run import Judged
from transduce.workflows.evaluate.test_set import HeldOut


@dataclass(frozen=True)
class Output:
    """A system's output for a sentence, and its value by the table's metric; None where that is not defined."""

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
    """The wrong outputs that score worst, by chrF where it was measured, else by the metric that says most about a sentence.
    An output that equals a reference is right.
    """
    metric, statistics = system.of_sentences
    places = worst(metric, metric.values(statistics), len(statistics))
    wrong = [place for place in places if system.translations[place] not in held_out.references[place]]
    return _table(held_out, [system], wrong[:most])


def different_sentences(held_out: HeldOut, first: Judged, second: Judged, most: int) -> SentenceTable:
    """The sentences on which the two systems' scores are furthest apart."""
    ours, theirs = (metric.values(statistics) for metric, statistics in (first.of_sentences, second.of_sentences))
    return _table(held_out, [first, second], most_different(ours, theirs, most))


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
    return SentenceTable(systems[0].of_sentences[0].name, sentences)


def _output(system: Judged, place: int) -> Output:
    metric, statistics = system.of_sentences
    value = float(metric.values(statistics[place : place + 1])[0])
    return Output(system.translations[place], None if math.isnan(value) else value)
