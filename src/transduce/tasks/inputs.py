"""Checks the input of a model: texts, and records by column."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transduce.data.records import Record
from transduce.tasks.task import Task
from transduce.text.tags import names_in

Given = Record | Mapping[str, Any] | str


def texts_of(lines: Iterable[str]) -> list[str]:
    """Any iterable of strings as a list; refuses a bare string, whose letters would be the lines."""
    if isinstance(lines, str):
        raise ValueError("expected a list of lines, found one string; use [line]")
    texts = list(lines)
    for place, line in enumerate(texts):
        if not isinstance(line, str):
            raise ValueError(f"expected strings, found {type(line).__name__} at place {place}")
    return texts


def as_list(records: Iterable[Given]) -> list[Given]:
    """Any iterable of records as a list; refuses a single record."""
    if isinstance(records, str | Mapping | Record):
        raise ValueError("expected a list of records, found one; use [record]")
    if not isinstance(records, Iterable):
        raise ValueError(f"expected a list of records, found {type(records).__name__}")
    return list(records)


def as_record(task: Task, value: Given, number: int) -> Record:
    """A record for prediction, of what a caller gives: a dict by column, or the text of the key column.

    A dict may have tags, as lines of JSON files do: {"tag": "de formal"} or {"tags": ["de", "formal"]}.
    """
    if isinstance(value, Record):
        return value
    if not isinstance(value, str | Mapping):
        raise ValueError(f"record {number} must be a text or a dict by column, found {type(value).__name__}")
    values: Mapping[str, Any] = {task.key: value} if isinstance(value, str) else value
    inputs = [column for column in task.columns if column != task.answer]
    for column in inputs:
        if not isinstance(values.get(column), str):
            keys = f"the keys {', '.join(map(repr, values))}" if column not in values else repr(values[column])
            raise ValueError(f"record {number} needs a text under {column!r}, found {keys}")
    texts = {column: values[column] for column in task.columns if isinstance(values.get(column), str)}
    return Record(texts, f"record {number}", tags=_tags(values, number))


def answers_of(task: Task, value: Given, number: int) -> tuple[str, ...]:
    """The right answers of what a caller gives: a text or a list of texts; none for a task without answers."""
    if task.answer is None:
        return ()
    if isinstance(value, str):
        raise ValueError(
            f"record {number} is a text without an answer: give a dict with {task.key!r} and {task.answer!r}"
        )
    answer = (value.values if isinstance(value, Record) else value).get(task.answer)
    answers = (answer,) if isinstance(answer, str) else answer
    if not _are_texts(answers) or not answers:
        raise ValueError(f"record {number} needs a text, or a list of texts, under {task.answer!r}, found {answer!r}")
    return tuple(answers)


def _tags(values: Mapping[str, Any], number: int) -> tuple[str, ...]:
    tag, tags = values.get("tag"), values.get("tag", values.get("tags", ()))
    if isinstance(tag, str):
        return names_in(tag)
    if not _are_texts(tags):
        kind = "the string " if isinstance(tags, str) else ""
        raise ValueError(f'record {number}: tags must be a list such as ["de"], found {kind}{tags!r}')
    return tuple(tags)


def _are_texts(values: Any) -> bool:
    is_list = isinstance(values, Sequence) and not isinstance(values, str)
    return is_list and all(isinstance(each, str) for each in values)
