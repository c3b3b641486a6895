"""What the choices by the size of the data look at; the files of a run are read for it once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from transduce.data.columns import Text
from transduce.data.config import DataConfig
from transduce.data.formats.read import read_records
from transduce.data.records import Record, RecordType, of_kind
from transduce.data.scan import Origin, find_origins
from transduce.data.tally import Findings
from transduce.tasks.task import Task
from transduce.workflows.evaluate.number_format import counted

SAMPLE = 10_000  # records whose lengths are measured,
SAMPLE_CHARACTERS = 50_000_000  # and characters of a corpus after which no more are

CHARACTERS_PER_RECORD = 100  # of a task without an answer, whose documents may be of any length: a sentence


@dataclass(frozen=True)
class DataFacts:
    """Records to train on, and mean characters of each text column.

    epoch: records of an epoch, where weights make it another number.
    """

    records: int
    characters: Mapping[str, float]
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
        return measure(self.config, self.origins["train"])


def measure(data: DataConfig, train: Origin) -> DataFacts:
    """Counts the records to train on, before any is cleaned away, and measures the first of each corpus.

    ValueError if a split holds out more than there is.
    """
    task = train.task
    held_out = data.split.dev + data.split.test if data.split else 0
    if held_out and held_out >= train.lines:
        raise ValueError(
            f"data.split holds out {held_out:,} distinct values of {task.key}, but the train files have {train.lines:,} "
            f"{task.unit}s at most; hold out fewer"
        )
    columns = of_kind(task, Text)
    characters = dict.fromkeys(columns, 0.0)
    for corpus, count in zip(train.corpora, train.counts, strict=True):
        records = read_records(corpus, task.columns, train.rules, Findings())
        sample = islice(records, max(1, SAMPLE // len(train.corpora)))
        for column, mean in _mean_characters(sample, columns).items():
            characters[column] += count / max(1, train.lines) * mean
    left = max(1, train.lines - held_out)
    weighted = sum(count * corpus.weight for corpus, count in zip(train.corpora, train.counts, strict=True))
    epoch = None if weighted == train.lines else left * weighted / train.lines
    return DataFacts(left, characters, epoch)


def _mean_characters(records: Iterable[Record], columns: Sequence[str]) -> dict[str, float]:
    """By column, over the first records that have `SAMPLE_CHARACTERS` together; 0 where there are none."""
    number, total = 0, dict.fromkeys(columns, 0)
    for record in records:
        number += 1
        for column in columns:
            total[column] += len(record.values[column])
        if sum(total.values()) >= SAMPLE_CHARACTERS:
            break
    return {column: count / max(1, number) for column, count in total.items()}


def counted_column(task: Task) -> str:
    """The text whose tokens a batch budget counts: the answer, else the key column."""
    return task.answer if task.answer is not None and isinstance(task.columns[task.answer], Text) else task.key


@dataclass(frozen=True)
class Examples:
    """How much there is to learn from.

    number: records, or pieces of documents as long as a sentence. of: in words, "20,000 pairs". epoch: of an epoch, where
    weights make it another number. characters: mean of the text that a batch budget counts.
    """

    number: int
    of: str
    epoch: float
    characters: float
    task: Task

    @classmethod
    def of_data(cls, task: Task, facts: DataFacts) -> "Examples":
        characters, epoch = facts.characters[counted_column(task)], facts.epoch or facts.records
        if task.answer is not None:
            return cls(facts.records, counted(facts.records, task.unit), epoch, characters, task)
        pieces = max(1.0, characters / CHARACTERS_PER_RECORD)
        total = f"{facts.records * characters:,.0f} characters"
        return cls(round(facts.records * pieces), total, epoch * pieces, characters / pieces, task)
