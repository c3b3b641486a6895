"""Advice in messages: tags that a model knows, and the task that a file's columns fit."""

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import lines
from transduce.data.records import RecordType
from transduce.models.model import Model
from transduce.tasks.table import TASKS
from transduce.tasks.task import Task
from transduce.text.tags import SYNTHETIC, name_list


def tag_advice(model: Model, tags: Sequence[object], option: str = "--tag") -> str | None:
    """The tags of a model that is given none; None where there is nothing to say. A model that was trained with tags alone
    guesses without. The tag of synthetic pairs is for training, so it is not counted.
    """
    names = [name for name in model.processors.tags(model.task.key) if name != SYNTHETIC]
    return f"{option} is not given; the model knows {name_list(names)}" if names and not tags else None


def column_names(path: Path) -> list[str]:
    """The columns of a .csv file, or of the first record of a .jsonl file; none for other files and damaged ones."""
    suffix = unpacked_name(path).suffix.lower()
    with suppress(ValueError, csv.Error):
        first = next(lines(path), "")
        if suffix == ".csv":
            return next(csv.reader([first]), [])
        record = json.loads(first) if suffix in (".jsonl", ".ndjson") else None
        return list(record) if isinstance(record, dict) else []
    return []


def fitting_task(columns: Collection[str]) -> Task | None:
    """The task all of whose columns are among these; of several, that with the most columns."""
    tasks = [task() for task in TASKS.values()]
    return max(
        (task for task in tasks if {*columns} >= {*task.columns}), key=lambda task: len(task.columns), default=None
    )


@contextmanager
def another_task_named(task: RecordType, files: Iterable[Path | None]) -> Iterator[None]:
    """Inside, an error about files whose columns are those of another task ends with the name of that task."""
    try:
        yield
    except ValueError as error:
        for path in files:
            columns = [] if path is None else column_names(path)
            other = fitting_task(columns)
            if other is not None and other.name != task.name and not {*columns} >= {*task.columns}:
                raise ValueError(f"{error}; the columns of {path} fit task {other.name}, not {task.name}") from None
        raise
