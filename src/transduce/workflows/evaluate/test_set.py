"""Test sets: what a system is tested on, from files or from the run that kept them apart."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from transduce.data import overlap
from transduce.data.columns import Label, Labels, Text
from transduce.data.config import Columns, Corpus
from transduce.data.findings import Findings
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import LineRules, facts, lines, require_equal_lines
from transduce.data.formats.read import header_warnings, read_records
from transduce.data.formats.time_windows import has_windows
from transduce.data.processors import Processors
from transduce.data.records import Record, plural, with_tags
from transduce.models.find import run_folder_of
from transduce.tasks.inputs import Given, answers_of, as_list, as_record
from transduce.tasks.references import items
from transduce.tasks.task import Task
from transduce.tasks.translation import TRANSLATION
from transduce.workflows.advice import another_task_named

log = logging.getLogger(__name__)

Records = Literal["lines", "paragraphs", "file"]


@dataclass(frozen=True)
class HeldOut:
    """A test set: for each item its record and its references (none for a task without answers).

    records: with every column of the task, the first reference as the answer; none where outputs alone are judged and
    nobody gave their sources. left_out: records of the file that were not taken, as a column is empty.
    name: of the file or files, for messages.
    """

    records: tuple[Record, ...]
    references: tuple[tuple[str, ...], ...]
    left_out: int = 0
    name: str = field(default="", compare=False)
    task: Task = TRANSLATION

    @classmethod
    def of(
        cls,
        records: Iterable[Record],
        references: Iterable[Sequence[str]],
        task: Task = TRANSLATION,
        name: str = "",
        left_out: int = 0,
    ) -> "HeldOut":
        """The test set of these records, whatever their own answers are. White space around a label is ignored."""
        are_labels = task.answer is not None and isinstance(task.columns[task.answer], Label)
        answers = tuple(tuple(map(str.strip, each) if are_labels else each) for each in references)
        complete = tuple(
            record if task.answer is None else record._replace(values={**record.values, task.answer: each[0]})
            for record, each in zip(records, answers, strict=False)
        )
        return cls(complete, answers, left_out, name, task)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The texts of the task's key column."""
        return tuple(record.values[self.task.key] for record in self.records)

    @cached_property
    def tags(self) -> tuple[tuple[str, ...], ...]:
        """Of each item; empty where no item has any."""
        tags = tuple(record.tags for record in self.records)
        return tags if any(tags) else ()

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Of each item; empty where no item has any."""
        groups = tuple(record.group for record in self.records)
        return groups if any(groups) else ()

    @property
    def item(self) -> str:
        """One item in words: "document", "text"; of pairs the side that is judged, a "sentence"."""
        return "sentence" if self.task.unit == "pair" else self.task.unit

    def scorable(self, processors: Processors) -> list[Record]:
        """The records with the first answer that a model can be given: all but those whose labels it does not know."""
        answer, labels = self.task.answer, self._labels(processors)
        if answer is None or labels is None:
            return list(self.records)
        answers = [next((each for each in every if each in labels.ids), None) for every in self.references]
        return [
            record._replace(values={**record.values, answer: each})
            for record, each in zip(self.records, answers, strict=True)
            if each is not None
        ]

    def unknown_labels(self, processors: Processors) -> list[str]:
        """The first answer of each item all of whose answers are labels that a model does not know, in order."""
        labels = self._labels(processors)
        if labels is None:
            return []
        return [answers[0] for answers in self.references if labels.ids.keys().isdisjoint(answers)]

    def _labels(self, processors: Processors) -> Labels | None:
        processor = None if self.task.answer is None else processors[self.task.answer]
        return processor if isinstance(processor, Labels) else None

    @property
    def scored_unit(self) -> str:
        """What a model gives a probability to, for people: "reference token", "token", "text"."""
        answer = self.task.answer
        if answer is None:
            return "token"
        return "reference token" if isinstance(self.task.columns[answer], Text) else self.item

    def with_tags(self, tags: tuple[str, ...]) -> "HeldOut":
        """The same items with these tags behind those that each has. ValueError where they are too many for one."""
        return replace(self, records=tuple(with_tags(record, tags) for record in self.records)) if tags else self

    def without_tags(self) -> "HeldOut":
        return replace(self, records=tuple(record._replace(tags=()) for record in self.records))


def read_aligned(source: Path | None, references: Sequence[Path], task: Task = TRANSLATION) -> HeldOut:
    """Line N of every file belongs together. A blank line of a reference file is no reference if another file has one;
    blank lines of all reference files and of the source stay. ValueError with all counts if they are not equal, and for a
    task without answers.
    """
    if task.answer is None:
        raise ValueError(f"task {task.name} compares with no references: give --data FILE")
    paths = [*references] if source is None else [source, *references]
    require_equal_lines([facts(path) for path in paths])
    columns = [tuple(lines(path)) for path in paths]
    sources, answers = ((), columns) if source is None else (columns[0], columns[1:])
    records = [Record({task.key: text}, f"{source}:{number}") for number, text in enumerate(sources, 1)]
    return HeldOut.of(records, map(_references, zip(*answers, strict=True)), task, str(paths[0]))


def _references(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The references among a line of each file, of which some files may have none."""
    return tuple(text for text in texts if text.strip()) or texts


def read_test_set(
    path: Path,
    alternatives: bool = False,
    columns: Mapping[str, str] | None = None,
    task: Task = TRANSLATION,
    records: Records = "lines",
) -> HeldOut:
    """The records of one file in any format that training data may have. With `alternatives`, records that differ in the
    answer alone are one item with several references, and its group is that of the first.

    `columns` names those of a .csv or .jsonl file that are called otherwise: {"source": "en", "target": "de"}.
    `records` is what a record of a .txt file is.
    """
    if records not in get_args(Records):
        raise ValueError(f"records must be one of {', '.join(get_args(Records))}, found {records!r}")
    findings = Findings()
    corpus = Corpus(file=path, columns=None if columns is None else named_columns(columns, task), records=records)
    with another_task_named(task, [path]):
        records_of_file = read_records(corpus, task.columns, LineRules(bad_lines="drop"), findings)
        every = items(task, list(records_of_file), merge=alternatives)
        for text in header_warnings(findings):
            log.warning("%s", text)
        left_out = _left_out(findings, task)
    if not every:
        raise ValueError(f"{path}: holds no {plural(task.unit)} to evaluate on")
    return HeldOut.of([item.record for item in every], [item.references for item in every], task, str(path), left_out)


def held_out(
    data: str | Path | Iterable[Given], task: Task, alternatives: bool = False, records: Records = "lines"
) -> HeldOut:
    """The test set in a file, or of records by column; a record's answer may be a list of references. `alternatives` and
    `records` are of files.

    >>> held_out([{"source": "read", "target": ["R IY D", "R EH D"]}], TRANSLATION).references
    (('R IY D', 'R EH D'),)
    """
    if isinstance(data, str | Path):
        return read_test_set(Path(data), alternatives, task=task, records=records)
    values = as_list(data)
    return HeldOut.of(
        [as_record(task, each, number) for number, each in enumerate(values, 1)],
        [answers_of(task, each, number) for number, each in enumerate(values, 1)],
        task,
        "the records",
    )


def named_columns(names: Mapping[str, str], task: Task = TRANSLATION) -> Columns:
    """`named_columns({"source": "en", "tag": "lang"}) == Columns({"source": "en"}, tag="lang")`. ValueError for a name that
    is no column of the task.
    """
    for name in names:
        if name not in (*task.columns, "tag", "group"):
            raise ValueError(
                f"--columns: {name!r} is no column of task {task.name}, which has {', '.join(task.columns)}"
            )
    columns = {name: column for name, column in names.items() if name in task.columns}
    return Columns(columns, names.get("tag"), names.get("group"))


def names_columns(path: Path) -> bool:
    """Whether the columns of a file of pairs have names, compressed or not: those of a .tsv are known by their places."""
    return unpacked_name(path).suffix.lower() != ".tsv"


def own_test_set(model: Path) -> Path:
    """The records that the run of a model kept for the final test. ValueError if there are none."""
    run = run_folder_of(model)
    if run is None or not (run / "test.jsonl").is_file():
        raise ValueError(
            f"{model} has no test set of its own: give --data FILE, or --source FILE and --reference FILE"
            + ("" if run is None else " (a run keeps some where data.split.test or data.test says so)")
        )
    return run / "test.jsonl"


def seen_in_training(model: Path, held_out: HeldOut) -> str | None:
    """What to say where the run of a model was trained on sources of the test set; None where there is nothing to."""
    run = run_folder_of(model)
    column = held_out.task.columns[held_out.task.key]
    count = None if run is None else overlap.count(run, held_out.sources, column)
    different = len(set(held_out.sources))
    if not count or (has_windows(held_out.task.columns) and count < different):  # a series may repeat itself
        return None
    return (
        f"{model} was trained on {count:,} of the {different:,} different {plural(held_out.task.key)} of {held_out.name}: "
        f"its figures there say little about {plural(held_out.task.key)} that it has not seen"
    )


def _left_out(findings: Findings, task: Task) -> int:
    """Records with an empty column; ValueError for any other reason to drop a line, as a test set must be read in full."""
    dropped = findings.dropped.tree()
    empty = [dropped.pop(f"empty {name}", {"count": 0})["count"] for name in task.columns]
    for reason, group in dropped.items():
        first, more = group["examples"][0], group["count"] - 1
        detail = f" ({first['text']})" if "text" in first else ""
        others = f"; {more} more such lines" if more else ""
        raise ValueError(f"{first['where']}: {reason}{detail}{others}; correct the file")
    return sum(empty)
