"""Records: examples by column, independent of the file format, and the part of a task that data needs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from transduce.data.columns import Column
from transduce.data.processors import Processors
from transduce.text.tags import union

EXCERPT = 50  # characters of a value in a report
EncodedRow = Mapping[str, Sequence[int] | np.ndarray]  # column -> ids, pixels or numbers


class Record(NamedTuple):
    """One example, unchanged from its file.

    values: of each column: {"source": "one", "target": "eins"}, or {"text": "...", "label": "spam"}.
    where: "file:line". group: "" for none. tags: its own, then those of its corpus.
    span: the first and the last time step of a window of a series, counted from 0 in its group.
    """

    values: Mapping[str, str]
    where: str
    group: str = ""
    tags: tuple[str, ...] = ()
    span: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """All values, shortened, for a report: "one -> eins"."""
        return " -> ".join(map(shortened, self.values.values()))


@runtime_checkable
class RecordType(Protocol):
    """The part of a task that data needs.

    name: "translation". columns: name -> column, in the order in which a .tsv file has them.
    key: the column that identifies a record: no key of dev or test occurs in train; tags stand before its ids.
    unit: the name of a record: "pair", "row", "document".
    """

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> Mapping[str, Column]: ...

    @property
    def key(self) -> str: ...

    @property
    def unit(self) -> str: ...

    def rows(self, records: Iterator[EncodedRow], processors: Processors, /) -> Iterator[EncodedRow]:
        """Rows of the store from the encoded records of a part, in order. 1:1 unless a task packs or cuts them."""
        yield from records


def of_kind(task: RecordType, kind: type) -> tuple[str, ...]:
    """The names of a task's columns of one kind: `of_kind(translation, Text) == ("source", "target")`."""
    return tuple(name for name, column in task.columns.items() if isinstance(column, kind))


def plural(word: str, count: int = 2) -> str:
    """`plural("pair") == "pairs"`, `plural("pair", 1) == "pair"`, `plural("history") == "histories"`, of "batch" "batches"."""
    if count == 1:
        return word
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


def counted(number: int, unit: str) -> str:
    """`counted(1, "pair") == "1 pair"`, `counted(2000, "pair") == "2,000 pairs"`."""
    return f"{number:,} {plural(unit, number)}"


def shortened(text: str, most: int = EXCERPT) -> str:
    """The text, or the beginning of a long one."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def with_tags(record: Record, more: tuple[str, ...]) -> Record:
    """The record with more tags after its own. ValueError for too many."""
    return record._replace(tags=union(record.tags, more))


def line_of(record: Record) -> str:
    """A record as a line of dev.jsonl or test.jsonl, without its end; an empty group and no tags are left out.

    >>> line_of(Record({"source": "one", "target": "eins"}, "numbers.csv:2", tags=("de",)))
    '{"source": "one", "target": "eins", "tags": ["de"]}'
    """
    tree: dict[str, Any] = dict(record.values)
    if record.tags:
        tree["tags"] = list(record.tags)
    if record.group:
        tree["group"] = record.group
    return json.dumps(tree, ensure_ascii=False)


def read_held_out(path: Path) -> list[Record]:
    """The records of dev.jsonl or test.jsonl, in order."""
    with path.open(encoding="utf-8", newline="\n") as stream:
        return [_record(json.loads(line), f"{path}:{number}") for number, line in enumerate(stream, 1)]


def _record(tree: dict[str, Any], where: str) -> Record:
    tags, group = tuple(tree.pop("tags", ())), tree.pop("group", "")
    return Record(tree, where, group, tags)


# The outcome of a record, as a small number: its part, or the reason why it has none.
(
    TRAIN,
    DEV,
    TEST,
    IN_DEV,
    IN_TEST,
    STRANGE_TAG,
    DUPLICATE,
    COPY,
    TOO_LONG,
    FEW_LETTERS,
    WRONG_SCRIPT,
    DAMAGED,
    STRADDLES,
) = range(13)

PARTS = {TRAIN: "train", DEV: "dev", TEST: "test"}


def removed(task: RecordType) -> dict[int, str]:
    """The reasons why a record has no part, in words."""
    first, *others = task.columns
    return {
        IN_DEV: f"{task.key} occurs in dev",
        IN_TEST: f"{task.key} occurs in test",
        STRANGE_TAG: f"held out, but its tag occurs in no train {task.unit}",
        DUPLICATE: "duplicate",
        COPY: f"{others[0] if others else first} equals {first}",
        TOO_LONG: "longer than max-characters",
        FEW_LETTERS: "too few letters",
        WRONG_SCRIPT: "wrong script",
        DAMAGED: "damaged encoding",
        STRADDLES: "reaches into a later part",
    }
