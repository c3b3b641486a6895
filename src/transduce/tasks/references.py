"""Records and their right answers, with which predictions are compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from transduce.data.batching import by_length
from transduce.data.columns import Fault, Text
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record, plural, shortened
from transduce.tasks.task import Model, Task
from transduce.tasks.tokens import Ids, tagged

NAME = 200  # characters of a value in messages
MOST_ANSWER = 8192  # tokens of an answer that is given: memory grows with their square


@dataclass(frozen=True)
class Item:
    """A record to predict, and its right answers in the order of the file; none for a task without answers."""

    record: Record
    references: list[str] = field(default_factory=list)


def items(task: Task, records: Sequence[Record], merge: bool = True) -> list[Item]:
    """One item for each record or, with `merge`, for each different input: records that differ in the answer alone are
    one item with several references.

    The pairs read -> R IY D, house -> HH AW S and read -> R EH D give two items; that of "read" has two references.
    """
    if task.answer is None:
        return [Item(record) for record in records]
    by_input: dict[object, Item] = {}
    for place, record in enumerate(records):
        inputs = tuple(value for column, value in record.values.items() if column != task.answer)
        item = by_input.setdefault((inputs, record.tags) if merge else place, Item(record))
        answer = record.values[task.answer]
        if answer not in item.references:
            item.references.append(answer)
    return list(by_input.values())


def loss_unit(task: Task) -> str:
    """The unit that the loss of a task is a mean over, in words: "target tokens", "tokens" without an answer, else records."""
    if task.answer is None:
        return "tokens"
    units = task.columns[task.answer].units
    return f"{task.answer} {units}" if units else plural(task.unit)


def figure_names(task: Task) -> tuple[str, ...]:
    """The names of the figures that the loss of a task gives, such as perplexity."""
    return tuple(task.figures(0.0, 0.0))


def units_per_byte(task: Task, processors: Processors, records: Sequence[Record]) -> float:
    """Target tokens, end tokens included and tags not, per UTF-8 byte of the text that the loss is about: the answers, or the key
    column where there are none. 0 for answers that are not text.
    """
    column = task.key if task.answer is None else task.answer
    if not isinstance(task.columns[column], Text):
        return 0.0
    texts = [record.values[column] for record in records]
    rows = processors[column].encode_batch(texts)
    units = sum(
        len(row) + 1
        for row, record in zip(rows, records, strict=True)
        if row or record.tags or task.answer is not None  # a document without ids has no end token either
    )
    return units / max(1, sum(len(text.encode()) for text in texts))


def check_answers(rows: Sequence[Ids], names: Sequence[str]) -> None:
    """ValueError, with its name, for an answer of more than MOST_ANSWER tokens."""
    for row, name in zip(rows, names, strict=True):
        if len(row) > MOST_ANSWER:
            raise ValueError(
                f"{name} has {len(row):,} tokens, at most {MOST_ANSWER:,} are scored; put one sentence or paragraph on a "
                "line"
            )


def batches(task: Task, model: Model, records: Sequence[Record], batch_tokens: int) -> Iterator[Any]:
    """The records with their right answers as batches of the task. A text that is longer than the model takes is cut.

    Nothing for records that give no rows. ValueError for an answer of more than MOST_ANSWER tokens.
    """
    rows = list(task.rows(_encoded(task, model, records), model.processors))
    columns = {name: [np.asarray(row[name]) for row in rows] for name in (rows[0] if rows else ())}
    if not columns:
        return
    costs = task.cost({name: np.array([len(row) for row in values]) for name, values in columns.items()})
    for group in by_length(np.maximum(costs.main, costs.other).tolist(), batch_tokens):
        part = {name: [values[place] for place in group] for name, values in columns.items()}
        yield task.batch(Rows(0, 0, part, np.array(group)), model.processors, seed=0).to(model.device)


def _readable(values: Sequence[Any], records: Sequence[Record], column: str) -> list[Any]:
    """The same values. ValueError, naming the record, for one that cannot be read."""
    for value, record in zip(values, records, strict=True):
        if isinstance(value, Fault):
            raise ValueError(f"{record.where}: {column} {shortened(record.values[column], NAME)}: {value}")
    return list(values)


def _encoded(task: Task, model: Model, records: Sequence[Record]) -> Iterator[EncodedRow]:
    """The ids of the records, as those of training data; texts within the limits of their columns."""
    encoded: dict[str, Sequence[Ids]] = {}
    for name, column in task.columns.items():
        texts, unlimited = (
            [record.values[name] for record in records],
            isinstance(column, Text) and column.limit is None,
        )
        if name != task.key or not isinstance(column, Text):
            encoded[name] = _readable(model.processors[name].encode_batch(texts), records, name)
            if unlimited:
                check_answers(encoded[name], [f"{record.where}: the {name}" for record in records])
            continue
        most = model.generation.max_source - 1 if unlimited else None
        tags = [record.tags for record in records]
        encoded[name] = [row[:most] for row in tagged(model.processors.tokenizer(name), texts, tags)]
    return (dict(zip(encoded, row, strict=True)) for row in zip(*encoded.values(), strict=True))
