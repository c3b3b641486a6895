"""Predict: records in, predictions out, in order, with a model of any task."""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import read_records
from transduce.data.formats.table import FORMATS
from transduce.data.picture_column import Picture
from transduce.data.pictures import SUFFIXES
from transduce.data.records import Record, counted, with_tags
from transduce.models.model import Model
from transduce.tasks.inputs import as_record
from transduce.tasks.outputs import LineError, Output
from transduce.tasks.task import Prediction, Task
from transduce.terminal import ProgressBar, progress_bar
from transduce.workflows.advice import another_task_named
from transduce.workflows.evaluate.test_set import named_columns, names_columns
from transduce.workflows.predict.line_batches import Input, Line, arriving_batches, full_batches, lines
from transduce.workflows.predict.notes import Notes
from transduce.workflows.predict.stream import before_refusal, one_line

log = logging.getLogger(__name__)

BATCH = 512  # records predicted together
BadLines = Literal["stop", "blank"]


@dataclass(frozen=True)
class Source:
    """Where records come from.

    names: of files, and of folders of what a task reads, such as pictures; "-" is standard input. open_lines: opens files of
    lines by name. columns: those of .csv and .jsonl files, {"text": "description"}. tags: of every record, behind its own.
    bad_lines: "blank" continues after a line that is no text.
    """

    names: Sequence[str]
    open_lines: Callable[[Sequence[str]], Iterator[Input]]
    columns: Mapping[str, str] | None = None
    tags: tuple[str, ...] = ()
    bad_lines: BadLines = "stop"

    def holds_lines(self, name: str) -> bool:
        """Whether each line of the file is a record, a blank one too."""
        suffix = unpacked_name(Path(name)).suffix.lower()
        return suffix == ".txt" or suffix not in FORMATS or not Path(name).is_file()

    def batches(self, model: Model) -> Iterator[list[Record | Line]]:
        """All records in order; a Line with a fault stands for one that is no text. ValueError with file and line for one that
        cannot be read.
        """
        for name in self.names:
            for batch in self._read(model, name):
                yield [with_tags(each, self.tags) if isinstance(each, Record) else each for each in batch]

    def _read(self, model: Model, name: str) -> Iterator[Sequence[Record | Line]]:
        column = model.task.columns[model.task.key]
        values = None if name == "-" else column.values_in(Path(name))
        if values is not None:
            return self._values(model.task, values)
        if not self.holds_lines(name):
            return self._records(model, Path(name))
        if isinstance(column, Picture):
            _require_list_of_names(name)
        return self._lines(model.task, name)

    def _values(self, task: Task, values: Sequence[str]) -> Iterator[list[Record]]:
        """A file that is a value by itself: a picture, or all of those in a folder."""
        for begin in range(0, len(values), BATCH):
            yield [Record({task.key: value}, value) for value in values[begin : begin + BATCH]]

    def _lines(self, task: Task, name: str) -> Iterator[list[Record | Line]]:
        cut = full_batches if Path(name).is_file() else arriving_batches
        for batch in cut(lines(self.open_lines([name]), "mark" if self.bad_lines == "blank" else "stop")):
            yield [
                line if line.fault else as_record(task, line.text, line.number)._replace(where=line.where)
                for line in batch
            ]

    def _records(self, model: Model, path: Path) -> Iterator[list[Record]]:
        task, tags = model.task, frozenset(model.processors.tags(model.task.key))
        ends_in_tags = task.answer is not None and not names_columns(path)
        corpus = Corpus(file=path, columns=None if self.columns is None else named_columns(self.columns, task))
        findings = Findings()
        records = read_records(corpus, task.columns, LineRules("stop"), findings, without=task.answer, keep_empty=True)
        batch: list[Record] = []
        with another_task_named(task, [path]):
            for batch in iter(lambda: list(islice(records, BATCH)), []):
                yield [_with_tags_of_group(record, tags) for record in batch] if ends_in_tags else batch
        if not batch:
            raise ValueError(f"{path}: has no rows to predict for")
        if blank := findings.noted.counts.get("blank line skipped"):
            log.warning("%s: %s skipped", path, counted(blank, "blank line"))


def _require_list_of_names(name: str) -> None:
    """ValueError for a file that is neither a picture nor, by its name, a list of names of pictures."""
    if Path(name).is_file() and unpacked_name(Path(name)).suffix.lower() not in ("", ".txt"):
        raise ValueError(
            f"{name}: expected a picture ({', '.join(SUFFIXES)}), a folder of pictures, a table, or a .txt file with the name "
            "of a picture on each line"
        )


def _with_tags_of_group(record: Record, tags: Collection[str]) -> Record:
    """The record of a .tsv line without an answer that ends in group and tags: the reader takes the group for the answer,
    and the tags, which the model knows, for the group.
    """
    names = record.group.split()
    if not names or record.tags or not all(name in tags for name in names):
        return record
    return with_tags(record._replace(group=""), tuple(names))


@dataclass(frozen=True)
class Refusal:
    """Why a record, or a line, has no prediction."""

    error: ValueError


def predict_files(
    model: Model, source: Source, write: Callable[[str], object], as_json: bool = False, bar_hidden: bool = False
) -> None:
    """Writes a line for each record, batch by batch. One that cannot be read or predicted for gives a blank line (in JSON an
    "error") and a warning, or raises ValueError, as `source.bad_lines` says.

    ValueErrors name file and line, and come after the lines of the records before.
    """
    count = 0
    with progress_bar(model.task.unit, hidden=bar_hidden) as bar, Notes() as notes:
        try:
            for record, result in _results(model, source, bar):
                if isinstance(result, Refusal):
                    if source.bad_lines == "stop":
                        raise ValueError(f"{result.error}; --bad-lines blank gives a blank line for it and continues")
                    log.warning("%s", result.error)
                elif isinstance(result, Output) and result.source_cut:
                    what = f"the {model.task.key} is longer than the {model.generation.max_source:,} tokens that this "
                    notes.add("longer than the model takes", record.where, f"{what}model takes; its beginning was used")
                write(_json(model.task, record, result) if as_json else _line(result))
                count += 1
        except ValueError as error:
            if not count:
                raise
            raise ValueError(f"{error} ({counted(count, 'prediction')} written before it)") from None


def _results(model: Model, source: Source, bar: ProgressBar) -> Iterator[tuple[Record | Line, Prediction | Refusal]]:
    """Each record, or line that is no text, with its prediction or why it has none."""
    settings = model.decoding()

    def predict(records: Sequence[Record | Line]) -> list[Prediction]:
        usable = []
        for place, record in enumerate(records):
            if isinstance(record, Line):
                raise LineError(place, record.fault)
            try:
                model.processors.check_tags(model.task.key, record.tags)
            except ValueError as error:
                raise LineError(place, str(error)) from None
            usable.append(record)
        return list(bar.counted(model.task.predict(model, usable, settings)))

    for batch in source.batches(model):
        while batch:
            predictions, refusal = before_refusal(batch, predict)
            yield from zip(batch, predictions, strict=False)
            if refusal is not None:
                yield batch[len(predictions)], Refusal(refusal)
            batch = batch[len(predictions) + 1 :]


def _line(result: Prediction | Refusal) -> str:
    return "\n" if isinstance(result, Refusal) else f"{one_line(result.text)}\n"


def _json(task: Task, record: Record | Line, result: Prediction | Refusal) -> str:
    """An object on a line. A value that names a file, such as a picture, stands in it."""
    value = record.values[task.key] if isinstance(record, Record) else ""
    tree: dict[str, Any] = {} if task.columns[task.key].file_of(value) is None or not value else {task.key: value}
    if isinstance(result, Refusal):
        return json.dumps({**tree, "error": str(result.error)}, ensure_ascii=False) + "\n"
    tree["text"] = result.text
    if result.confidence is not None:
        tree["confidence"] = result.confidence
    if (probabilities := getattr(result, "probabilities", None)) is not None:
        tree["probabilities"] = dict(probabilities)
    if (values := getattr(result, "values", None)) is not None:
        tree["values"] = values
    return json.dumps(tree, ensure_ascii=False) + "\n"
