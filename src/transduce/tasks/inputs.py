"""Checks the input of a model: texts, and records by column."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transduce.data.columns import Column, Text
from transduce.data.records import Record
from transduce.tasks.task import Task
from transduce.text.tags import names_in

Given = Any  # a Record, a dict by column, or the value of the key column


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


def as_record(task: Task, value: Any, number: int) -> Record:
    """A record for prediction, of what a caller gives: a dict by column, or the value of the key column.

    A dict may have tags, as lines of JSON files do: {"tag": "de formal"} or {"tags": ["de", "formal"]}.
    """
    if isinstance(value, Record):
        return value
    if not isinstance(value, Mapping):
        of_key = _value_of(task.columns[task.key], value, number)
        if of_key is None:
            raise ValueError(
                f"record {number} must be a {_kind(task)} or a dict by column, found {type(value).__name__}"
            )
        return Record({task.key: of_key}, f"record {number}")
    texts = {name: _value_of(column, value[name], number) for name, column in task.columns.items() if name in value}
    for name in task.columns:
        if name != task.answer and texts.get(name) is None:
            keys = f"the keys {', '.join(map(repr, value))}" if name not in value else repr(value[name])
            raise ValueError(f"record {number} needs a {_kind(task)} under {name!r}, found {keys}")
    given = {name: text for name, text in texts.items() if text is not None}
    return Record(given, f"record {number}", tags=_tags(value, number))


def _value_of(column: Column, given: object, number: int) -> str | None:
    """See `Column.value_of`; its errors name the record."""
    try:
        return column.value_of(given)
    except ValueError as error:
        raise ValueError(f"record {number}: {error}") from None


def _kind(task: Task) -> str:
    """The kind of a value of the key column, in messages: "text", or "Picture"."""
    column = task.columns[task.key]
    return "text" if isinstance(column, Text) else type(column).__name__


def answers_of(task: Task, value: Given, number: int) -> tuple[str, ...]:
    """The right answers of what a caller gives: a text or a list of texts; none for a task without answers."""
    if task.answer is None:
        return ()
    if isinstance(value, str):
        raise ValueError(
            f"record {number} is a text without an answer: give a dict with {task.key!r} and {task.answer!r}"
        )
    answer = (value.values if isinstance(value, Record) else value).get(task.answer)
    text = None if answer is None else task.columns[task.answer].value_of(answer)
    answers = answer if text is None else (text,)
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
