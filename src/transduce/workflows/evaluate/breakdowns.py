"""Breakdowns: the scores of parts of a test set, side by side for all systems."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int

from transduce.data.columns import Text
from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import read_records
from transduce.data.records import counted, of_kind, plural
from transduce.evaluation.breakdown import (
    Breakdown,
    by_group,
    by_length,
    by_rarest_word,
    frequencies,
)
from transduce.tasks.task import Task
from transduce.tasks.translation import TRANSLATION
from transduce.workflows.evaluate.run import Judged
from transduce.workflows.evaluate.test_set import HeldOut, named_columns, names_columns

Kind = Literal["length", "group", "tag", "rare-words"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WordCounts = Mapping[str, Counter[str]]  # of each text column, the occurrences of each word in training


@dataclass(frozen=True)
class BreakdownTable:
    """A breakdown and its figures: `values[slice][system][metric]`, None where a metric is not defined for a slice."""

    kind: Kind
    breakdown: Breakdown
    values: tuple[tuple[tuple[float | None, ...], ...], ...]


def breakdown_tables(
    held_out: HeldOut,
    systems: Sequence[Judged],
    kinds: Sequence[Kind] = KINDS,
    edges: Sequence[int] = (),
    training_words: WordCounts | None = None,
) -> list[BreakdownTable]:
    """The value of every metric for every system in each slice of the breakdowns that `kinds` asks for.

    A breakdown into a single slice is left out, as it tells nothing. "length" is of the source, and of the first
    reference where sources are unknown. "rare-words" is by how often the rarest word of the source, and of the first
    reference, occurs in training if that is known (`training_words`), else in the test set itself.
    """
    breakdowns = [(kind, each) for kind in kinds for each in _breakdowns(held_out, kind, edges, training_words)]
    return [
        BreakdownTable(
            kind, each, tuple(tuple(_values(system, part.places) for system in systems) for part in each.slices)
        )
        for kind, each in breakdowns
        if len(each.slices) > 1
    ]


def _breakdowns(
    held_out: HeldOut, kind: Kind, edges: Sequence[int], training_words: WordCounts | None
) -> Iterator[Breakdown]:
    task, sources, answers = held_out.task, held_out.sources, [each[0] for each in held_out.references]
    if kind == "length":
        yield by_length(sources, f"the {task.key}", edges) if sources else by_length(answers, "the reference", edges)
    elif kind == "group" and held_out.groups:
        yield by_group(held_out.groups, "group")
    elif kind == "tag" and held_out.tags:
        yield by_group([" ".join(tags) for tags in held_out.tags], f"tags of the {task.key}")
    elif kind == "rare-words":
        where = "the test set" if training_words is None else "training"
        texts = {task.key: (task.key, sources), task.answer or "": ("reference", answers)}
        for column in of_kind(task, Text):
            name, side = texts[column]
            words = frequencies(side) if training_words is None else training_words[column]
            if side:
                yield by_rarest_word(side, words, f"occurrences in {where} of the rarest word in the {name}")


def count_words(
    files: Sequence[Path], task: Task = TRANSLATION, columns: Mapping[str, str] | None = None
) -> WordCounts:
    """Of training data: one file of records in any format, or one text file for each column of the task.

    `columns` names those of a .csv or .jsonl file that are called otherwise. Lines that are no records count for nothing;
    ValueError where no other is there.
    """
    if len(files) not in (1, len(task.columns)):
        raise ValueError(
            f"training data is one file of {plural(task.unit)}, or a file for each of {' and '.join(task.columns)}; found "
            f"{counted(len(files), 'file')}"
        )
    named = named_columns({**(columns or {}), "tag": "", "group": ""}, task) if names_columns(files[0]) else None
    aligned = dict(zip(task.columns, files, strict=False))
    corpus = Corpus(file=files[0], columns=named) if len(files) == 1 else Corpus(files=aligned)
    counts, findings = {column: Counter[str]() for column in of_kind(task, Text)}, Findings()
    for record in read_records(corpus, task.columns, LineRules(bad_lines="drop"), findings):
        for column, words in counts.items():
            words.update(frequencies([record.values[column]]))
    if not any(counts.values()):
        raise ValueError(f"{files[0]}: holds no {plural(task.unit)} to count words in (left out: {findings.dropped})")
    return counts


def _values(system: Judged, places: Int[np.ndarray, " M"]) -> tuple[float | None, ...]:
    sums = [statistics[places].sum(0, keepdims=True) for statistics in system.statistics]
    values = [float(metric.values(each)[0]) for metric, each in zip(system.metrics, sums, strict=True)]
    return tuple(None if math.isnan(value) else value for value in values)
