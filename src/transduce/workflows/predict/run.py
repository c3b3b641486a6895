"""Predict: records in, predictions out, in order, with a model of any task."""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import read_records
from transduce.data.formats.table import FORMATS
from transduce.data.records import Record, counted, with_tags
from transduce.models.model import Model
from transduce.tasks.inputs import as_record
from transduce.tasks.outputs import LineError, Output
from transduce.tasks.task import Prediction, Task
from transduce.terminal import progress_bar
from transduce.workflows.advice import another_task_named
from transduce.workflows.evaluate.test_set import named_columns, names_columns
from transduce.workflows.predict.line_batches import Input, arriving_batches, full_batches, lines
from transduce.workflows.predict.notes import Notes
from transduce.workflows.predict.stream import before_refusal, one_line

log = logging.getLogger(__name__)

BATCH = 512  # records predicted together


@dataclass(frozen=True)
class Source:
    """Where records come from.

    names: of files, and of folders of what a task reads, such as pictures; "-" is standard input. open_lines: opens files of
    lines by name. columns: those of .csv and .jsonl files, {"text": "description"}. tags: of every record, behind its own.
    """

    names: Sequence[str]
    open_lines: Callable[[Sequence[str]], Iterator[Input]]
    columns: Mapping[str, str] | None = None
    tags: tuple[str, ...] = ()

    def holds_lines(self, name: str) -> bool:
        """Whether each line of the file is a record, a blank one too."""
        suffix = unpacked_name(Path(name)).suffix.lower()
        return suffix == ".txt" or suffix not in FORMATS or not Path(name).is_file()

    def batches(self, model: Model) -> Iterator[list[Record]]:
        """All records in order. ValueError with file and line for one that cannot be read."""
        for name in self.names:
            values = None if name == "-" else model.task.columns[model.task.key].values_in(Path(name))
            if values is not None:
                read: Iterator[list[Record]] = self._values(model.task, values)
            elif self.holds_lines(name):
                read = self._lines(model.task, name)
            else:
                read = self._records(model, Path(name))
            for batch in read:
                yield [with_tags(record, self.tags) for record in batch] if self.tags else batch

    def _values(self, task: Task, values: Sequence[str]) -> Iterator[list[Record]]:
        """A file that is a value by itself: a picture, or all of those in a folder."""
        for begin in range(0, len(values), BATCH):
            yield [Record({task.key: value}, value) for value in values[begin : begin + BATCH]]

    def _lines(self, task: Task, name: str) -> Iterator[list[Record]]:
        cut = full_batches if Path(name).is_file() else arriving_batches
        for batch in cut(lines(self.open_lines([name]))):
            yield [as_record(task, line.text, line.number)._replace(where=line.where) for line in batch]

    def _records(self, model: Model, path: Path) -> Iterator[list[Record]]:
        task, tags = model.task, frozenset(model.processors.tags(model.task.key))
        ends_in_tags = task.answer is not None and not names_columns(path)
        corpus = Corpus(file=path, columns=None if self.columns is None else named_columns(self.columns, task))
        findings = Findings()
        records = read_records(corpus, task.columns, LineRules("stop"), findings, without=task.answer, keep_empty=True)
        with another_task_named(task, [path]):
            while batch := list(islice(records, BATCH)):
                yield [_with_tags_of_group(record, tags) for record in batch] if ends_in_tags else batch
        if blank := findings.noted.counts.get("blank line skipped"):
            log.warning("%s: %s skipped", path, counted(blank, "blank line"))


def _with_tags_of_group(record: Record, tags: Collection[str]) -> Record:
    """The record of a .tsv line without an answer that ends in group and tags: the reader takes the group for the answer,
    and the tags, which the model knows, for the group.
    """
    names = record.group.split()
    if not names or record.tags or not all(name in tags for name in names):
        return record
    return with_tags(record._replace(group=""), tuple(names))


def predict_files(
    model: Model, source: Source, write: Callable[[str], object], as_json: bool = False, bar_hidden: bool = False
) -> None:
    """Writes a line for each record, batch by batch.

    ValueError with file and line for a record that cannot be read or predicted for, after the lines of those before it.
    """
    settings = model.decoding()

    def predict(records: Sequence[Record]) -> list[Prediction]:
        for place, record in enumerate(records):
            try:
                model.processors.check_tags(model.task.key, record.tags)
            except ValueError as error:
                raise LineError(place, str(error)) from None
        return list(bar.counted(model.task.predict(model, records, settings)))

    with progress_bar(model.task.unit, hidden=bar_hidden) as bar, Notes() as notes:
        for batch in source.batches(model):
            predictions, refusal = before_refusal(batch, predict)
            for record, prediction in zip(batch, predictions, strict=False):
                if isinstance(prediction, Output) and prediction.source_cut:
                    what = f"the {model.task.key} is longer than the {model.generation.max_source:,} tokens that this "
                    notes.add("longer than the model takes", record.where, f"{what}model takes; its beginning was used")
                write(_json(model.task, record, prediction) if as_json else f"{one_line(prediction.text)}\n")
            if refusal is not None:
                raise refusal


def _json(task: Task, record: Record, prediction: Prediction) -> str:
    """An object on a line. A value that names a file, such as a picture, stands in it."""
    value = record.values[task.key]
    tree: dict[str, Any] = {} if task.columns[task.key].file_of(value) is None else {task.key: value}
    tree["text"] = prediction.text
    if prediction.confidence is not None:
        tree["confidence"] = prediction.confidence
    if (probabilities := getattr(prediction, "probabilities", None)) is not None:
        tree["probabilities"] = dict(probabilities)
    if (values := getattr(prediction, "values", None)) is not None:
        tree["values"] = values
    return json.dumps(tree, ensure_ascii=False) + "\n"
