"""Breakdowns: the scores of parts of a test set, side by side for all systems."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int

from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import read_records
from transduce.evaluation.breakdown import (
    Breakdown,
    by_group,
    by_length,
    by_rarest_word,
    frequencies,
)
from transduce.tasks.translation import TRANSLATION
from transduce.workflows.evaluate.run import Judged
from transduce.workflows.evaluate.test_set import HeldOut, named_columns, names_columns

Kind = Literal["length", "group", "tag", "rare-words"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class BreakdownTable:
    """A breakdown and its figures: `values[slice][system][metric]`, None where a metric is not defined for a slice."""

    kind: Kind
    breakdown: Breakdown
    values: tuple[tuple[tuple[float | None, ...], ...], ...]


@dataclass(frozen=True)
class WordCounts:
    """How often each word of either side occurs in training."""

    source: Mapping[str, int]
    target: Mapping[str, int]


def breakdown_tables(
    held_out: HeldOut,
    systems: Sequence[Judged],
    kinds: Sequence[Kind] = KINDS,
    edges: Sequence[int] = (),
    trained_on: WordCounts | None = None,
) -> list[BreakdownTable]:
    """The value of every metric for every system in each slice of the breakdowns that `kinds` asks for.

    A breakdown into a single slice is left out, as it tells nothing. "length" is of the source, and of the first
    reference where sources are unknown. "rare-words" is by how often the rarest word of the source, and of the first
    reference, occurs in training if that is known (`trained_on`), else in the test set itself.
    """
    found = [(kind, each) for kind in kinds for each in _breakdowns(held_out, kind, edges, trained_on)]
    return [
        BreakdownTable(
            kind, each, tuple(tuple(_values(system, part.places) for system in systems) for part in each.slices)
        )
        for kind, each in found
        if len(each.slices) > 1
    ]


def _breakdowns(
    held_out: HeldOut, kind: Kind, edges: Sequence[int], trained_on: WordCounts | None
) -> Iterator[Breakdown]:
    sources, answers = held_out.sources, [each[0] for each in held_out.references]
    if kind == "length":
        yield by_length(sources, "the source", edges) if sources else by_length(answers, "the reference", edges)
    elif kind == "group" and held_out.groups:
        yield by_group(held_out.groups, "group")
    elif kind == "tag" and held_out.tags:
        yield by_group([" ".join(tags) for tags in held_out.tags], "tags of the source")
    elif kind == "rare-words":
        counts = trained_on or WordCounts(frequencies(sources), frequencies(answers))
        title = f"occurrences in {'training' if trained_on else 'the test set'} of the rarest word in the"
        if sources:
            yield by_rarest_word(sources, counts.source, f"{title} source")
        yield by_rarest_word(answers, counts.target, f"{title} reference")


def count_words(files: Sequence[Path], columns: Mapping[str, str] | None = None) -> WordCounts:
    """Of training data: one file of pairs in any format, or the source file and the target file, one text a line.

    `columns` names those of a .csv or .jsonl file that are called otherwise. Lines that are no pairs count for nothing;
    ValueError where no other is there.
    """
    if len(files) > 2:
        raise ValueError(
            f"training data is one file of pairs, or a source file and a target file; found {len(files)} files"
        )
    named = named_columns({**(columns or {}), "tag": "", "group": ""}) if names_columns(files[0]) else None
    aligned = dict(zip(TRANSLATION.columns, files, strict=False))
    corpus = Corpus(file=files[0], columns=named) if len(files) == 1 else Corpus(files=aligned)
    source, target, findings = frequencies(()), frequencies(()), Findings()
    for pair in read_records(corpus, TRANSLATION.columns, LineRules(bad_lines="drop"), findings):
        source.update(frequencies([pair.values["source"]]))
        target.update(frequencies([pair.values["target"]]))
    if not source and not target:
        raise ValueError(f"{files[0]}: holds no pairs to count words in (left out: {findings.dropped})")
    return WordCounts(source, target)


def _values(system: Judged, places: Int[np.ndarray, " M"]) -> tuple[float | None, ...]:
    sums = [statistics[places].sum(0, keepdims=True) for statistics in system.statistics]
    values = [float(metric.values(each)[0]) for metric, each in zip(system.metrics, sums, strict=True)]
    return tuple(None if math.isnan(value) else value for value in values)
