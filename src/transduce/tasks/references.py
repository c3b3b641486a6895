"""Records and their right answers: what predictions are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from transduce.data.columns import Text
from transduce.data.processors import Processors
from transduce.data.records import Record, plural
from transduce.tasks.task import Task


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
    """What the loss of a task is a mean over, in words: "target tokens", "tokens" without an answer, else records."""
    if task.answer is None:
        return "tokens"
    return f"{task.answer} tokens" if isinstance(task.columns[task.answer], Text) else plural(task.unit)


def units_per_byte(task: Task, processors: Processors, records: Sequence[Record]) -> float:
    """Target tokens, end tokens included, per UTF-8 byte of the text that the loss is about: the answers, or the key
    column where there are none. 0 for answers that are not text.
    """
    column = task.key if task.answer is None else task.answer
    if not isinstance(task.columns[column], Text):
        return 0.0
    texts = [record.values[column] for record in records]
    rows = processors[column].encode_batch(texts)
    units = sum(len(row) + 1 for row in rows if row or task.answer is not None)  # an empty document gives no tokens
    return units / max(1, sum(len(text.encode()) for text in texts))
