"""The facts of the data that choices depend on; the files of a run are read for them once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from transduce.data.columns import Text
from transduce.data.config import DataConfig
from transduce.data.findings import Findings
from transduce.data.formats.read import read_records
from transduce.data.records import Record, RecordType, counted, of_kind, plural
from transduce.data.scan import Origin, find_origins
from transduce.tasks.task import Task
from transduce.workflows.advice import another_task_named
from transduce.workflows.train.rules import CHARACTERS_PER_TOKEN
from transduce.workflows.train.text_facts import TextFacts, TextSample

SAMPLE = 10_000  # records whose lengths are measured,
SAMPLE_CHARACTERS = 50_000_000  # and characters of a corpus after which no more are

CHARACTERS_PER_RECORD = 100  # of a task without an answer, whose documents may be of any length: a sentence


@dataclass(frozen=True)
class DataFacts:
    """Records to train on, and the facts of each text column.

    epoch: records of an epoch, where weights make it another number.
    """

    records: int
    texts: Mapping[str, TextFacts]
    epoch: float | None = None


@dataclass(frozen=True)
class RunData:
    """The files that [data] names, from the folder `base`. They are counted and hashed at first use, once."""

    task: RecordType
    config: DataConfig
    base: Path

    @cached_property
    def origins(self) -> dict[str, Origin]:
        return find_origins(self.task, self.config, self.base)

    @cached_property
    def facts(self) -> DataFacts:
        with another_task_named(self.task, [corpus.file for corpus in self.origins["train"].corpora]):
            return measure(self.config, self.origins["train"])


def measure(data: DataConfig, train: Origin) -> DataFacts:
    """Counts the records to train on, before any is cleaned away, and measures the first of each corpus.

    ValueError if a split holds out more than there is.
    """
    task = train.task
    held_out = data.split.dev + data.split.test if data.split else 0
    by_time = data.split is not None and data.split.by == "time"  # then so many of each series
    if held_out and held_out >= train.lines and not by_time:
        raise ValueError(
            f"data.split holds out {held_out:,} distinct values of {task.key}, but the train files have {train.lines:,} "
            f"{plural(task.unit)} at most; hold out fewer"
        )
    columns = of_kind(task, Text)
    characters = dict.fromkeys(columns, 0.0)
    samples = {column: TextSample() for column in columns}
    multiline = any(isinstance(column, Text) and column.multiline for column in task.columns.values())
    counts: list[int] = []
    for corpus, most in zip(train.corpora, train.counts, strict=True):
        if not columns:
            counts.append(most)
            continue
        records = read_records(corpus, task.columns, train.rules, Findings())
        limit = max(1, SAMPLE // len(train.corpora))
        sample = _measure(islice(records, limit), samples, limit)
        several_lines = corpus.records == "paragraphs" or (multiline and corpus.records == "lines")
        counts.append(sample.estimate(most) if several_lines else most)
        for column, total in sample.characters.items():
            characters[column] += counts[-1] * total / max(1, sample.records)
    count = sum(counts)
    left = max(1, count - held_out)
    weighted = sum(each * corpus.weight for corpus, each in zip(train.corpora, counts, strict=True))
    epoch = None if weighted == count else left * weighted / count
    texts = {column: sample.facts(characters[column] / max(1, count)) for column, sample in samples.items()}
    return DataFacts(left, texts, epoch)


@dataclass(frozen=True)
class _Sample:
    """The first records of a corpus: how many, the line at which the last begins, and characters of each text column.

    whole: they are all that it has.
    """

    records: int
    last_line: int
    characters: Mapping[str, int]
    whole: bool

    def estimate(self, lines: int) -> int:
        """Records of the corpus, which may have several lines each, from its number of lines."""
        if self.whole:
            return self.records
        return max(self.records, round(self.records * lines / max(1, self.last_line))) if self.records else lines


def _measure(records: Iterable[Record], samples: Mapping[str, TextSample], limit: int) -> _Sample:
    """Of the first records that have `SAMPLE_CHARACTERS` together; adds their texts to the samples of their columns.

    limit: the most records that there can be.
    """
    for sample in samples.values():
        sample.begin_corpus()
    number, line, total = 0, 0, dict.fromkeys(samples, 0)
    for record in records:
        number += 1
        place = record.where.rpartition(":")[2]
        line = int(place) if place.isdecimal() else 0
        for column, sample in samples.items():
            sample.add(record.values[column])
            total[column] += len(record.values[column])
        if sum(total.values()) >= SAMPLE_CHARACTERS:
            return _Sample(number, line, total, whole=False)
    return _Sample(number, line, total, whole=number < limit)


def counted_column(task: Task) -> str:
    """The text whose tokens a batch budget counts: the answer, else the key column."""
    return task.answer if task.answer is not None and isinstance(task.columns[task.answer], Text) else task.key


@dataclass(frozen=True)
class Examples:
    """How much there is to learn from.

    number: records, or pieces of documents as long as a sentence. of: in words, "20,000 pairs". epoch: of an epoch, where
    weights make it another number. characters: mean of each text column. row_cost: what each row takes of a batch budget,
    where it is the same for all.
    """

    number: int
    of: str
    epoch: float
    characters: Mapping[str, float]
    task: Task
    row_cost: int | None = None

    def tokens(self, column: str, kind: str) -> float:
        """Tokens of a text column in an epoch, in tokenizers of a kind; each text has an end token."""
        return self.epoch * (self.characters[column] / CHARACTERS_PER_TOKEN[kind] + 1)

    @classmethod
    def of_data(cls, task: Task, facts: DataFacts) -> "Examples":
        epoch = float(facts.epoch or facts.records)
        if (cost := _row_cost(task)) is not None:
            return cls(facts.records, counted(facts.records, task.unit), epoch, {}, task, cost)
        characters = {name: texts.characters for name, texts in facts.texts.items()}
        if task.answer is not None:
            return cls(facts.records, counted(facts.records, task.unit), epoch, characters, task)
        pieces = max(1.0, characters[task.key] / CHARACTERS_PER_RECORD)
        total = f"{facts.records * characters[task.key]:,.0f} characters"
        short = {name: each / pieces for name, each in characters.items()}
        return cls(round(facts.records * pieces), total, epoch * pieces, short, task)


def _row_cost(task: Task) -> int | None:
    """What every row takes of a batch budget, where no column varies in length."""
    numbers = {name: column.numbers for name, column in task.columns.items()}
    if None in numbers.values():
        return None
    costs = task.cost({name: np.array([number]) for name, number in numbers.items()})
    return int(max(costs.main[0], costs.other[0]))
