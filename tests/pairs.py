"""Records of translations as flat tuples, and corpora of two aligned files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from transduce.data.config import Columns, Corpus
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import read_records
from transduce.data.records import Record
from transduce.tasks.task import Task
from transduce.tasks.translation import TRANSLATION
from transduce.workflows.evaluate.test_set import HeldOut


class Pair(NamedTuple):
    """A record of a translation."""

    source: str
    target: str
    group: str
    where: str
    tags: tuple[str, ...] = ()

    @property
    def record(self) -> Record:
        return Record({"source": self.source, "target": self.target}, self.where, self.group, self.tags)


def pair(record: Record) -> Pair:
    return Pair(record.values["source"], record.values["target"], record.group, record.where, record.tags)


def pairs(corpus: Corpus, rules: LineRules, findings: Findings) -> Iterator[Pair]:
    return map(pair, read_records(corpus, TRANSLATION.columns, rules, findings))


def named(source: str = "source", target: str = "target", tag: str | None = None, group: str | None = None) -> Columns:
    return Columns({"source": source, "target": target}, tag, group)


def aligned(source: Path, target: Path, group: Path | None = None, tag: str | None = None) -> Corpus:
    return Corpus(files={"source": source, "target": target}, group=group, tag=tag)


def of_texts(
    sources: Sequence[str],
    references: Sequence[Sequence[str]],
    tags: Sequence[tuple[str, ...]] = (),
    groups: Sequence[str] = (),
    task: Task = TRANSLATION,
    name: str = "",
    left_out: int = 0,
) -> HeldOut:
    """A test set of texts of the task's key column."""
    all_tags, all_groups = tags or [()] * len(sources), groups or [""] * len(sources)
    records = [
        Record({task.key: text}, f"item {number}", group, own)
        for number, (text, group, own) in enumerate(zip(sources, all_groups, all_tags, strict=True), 1)
    ]
    return HeldOut.of(records, references, task, name, left_out)
