"""Columns of a task, by kind of value, and the processors that turn their values into numbers.

Text and labels are here; pictures are in picture_column.py, numbers in series_column.py.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from transduce import files
from transduce.data.keys import exact_key, text_key
from transduce.text.imported_tokenizer import load as load_tokenizer
from transduce.text.tags import name_list
from transduce.text.tokenizer import Tokenizer

MOST_LABELS = 10_000  # classes of a column
MOST_BYTES = 64 * 2**20  # of a file of labels


Notes = tuple[str, ...]


class Fault(NamedTuple):
    """Why a value cannot be used: `reason` is its kind, for counts; `detail` belongs to this value."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@runtime_checkable
class Processor(Protocol):
    """Turns values of a column into numbers. A Tokenizer is the processor of Text, Labels is that of Label.

    size: how many different ids there are; of pictures and series, the numbers of a value.
    """

    @property
    def size(self) -> int: ...

    def encode_batch(self, values: Sequence[str], /) -> Sequence[Any]:
        """For each value a list of ids or a flat array of the column's `dtype`; a Fault for a value that has none."""
        ...

    def save(self, path: Path, /) -> None: ...

    def sha256(self) -> str: ...


class Column:
    """A column of a task; a small frozen dataclass derives from it.

    A value is a string in every format of data: a text, a label, the name of a picture's file, the numbers of a series.
    Other kinds than text override these:

    file: name of the processor's file if all columns of this kind share one processor. shared: whether they always do.
    dtype: of the numbers in the store. sample: records at most from which a processor is learnt; None: all.
    units: what a loss over an answer of this kind is a mean over; "" for records. advice: what to do about a Fault.
    """

    file: ClassVar[str]
    shared: ClassVar[bool] = False
    dtype: ClassVar[str] = "int32"
    sample: ClassVar[int | None] = None
    units: ClassVar[str] = ""
    advice: ClassVar[str] = "correct the line"

    @property
    def numbers(self) -> int | None:
        """Numbers of each value in the store; None where they vary."""
        return None

    def load(self, path: Path, /) -> Processor:
        """Reads the file of a processor."""
        raise NotImplementedError

    def check(self, processor: Processor, /) -> None:
        """ValueError, with the key of its file, for a processor of other values than those of this column."""

    def learn(self, values: Iterable[str], name: str, /) -> Processor:
        """The processor for the values of the column `name` in the records to train on. ValueError if they have none.

        Tokenizers are learnt by settings of their own: see text/learn.
        """
        raise NotImplementedError

    def example(self) -> Processor:
        """A small processor, by which a network is tried before any data is read."""
        raise NotImplementedError

    def located(self, value: str, folder: Path, /) -> str | Fault:
        """The value from a file in `folder`, as records have it; a name of a file becomes an absolute path."""
        return value

    def file_of(self, value: str, /) -> Path | None:
        """The file that a value names; None for a value that names none."""
        return None

    def content(self, value: str, /) -> str:
        """Identifies a value: equal for values that count as duplicates."""
        return value

    def key(self, content: str, /) -> int:
        """The hash of a `content`: no key of dev or test occurs in train."""
        return exact_key(content)

    def encode(self, processor: Processor, values: Sequence[str], /) -> tuple[Sequence[Any], Sequence[Notes]]:
        """The results of `processor.encode_batch`, and for each value what a report notes of it."""
        return processor.encode_batch(values), ((),) * len(values)

    def value_of(self, given: object, /) -> str | None:
        """The value that a Python object stands for; None if it cannot stand for one. ValueError that says why it cannot."""
        return given if isinstance(given, str) else None

    def values_in(self, path: Path, /) -> list[str] | None:
        """The values that a file or folder is by itself; None where it holds records."""
        return None


@dataclass(frozen=True)
class Text(Column):
    """Text as token ids, without start and end.

    multiline: texts keep their line breaks; else these become spaces.
    limit: the task's `rows` splits or cuts texts of more tokens, and the report counts them as `beyond`. None: records with
    more tokens than data.clean.max-length are left out. roles: special tokens that the tokenizer must have.
    """

    file: ClassVar[str] = "tokenizer"
    units: ClassVar[str] = "tokens"

    multiline: bool = False
    limit: int | None = None
    beyond: str = "longer than the context, split"
    roles: tuple[str, ...] = ("start", "end", "pad")

    def load(self, path: Path) -> Tokenizer:
        return load_tokenizer(path)

    def key(self, content: str) -> int:
        return text_key(content)


@dataclass(frozen=True)
class Label(Column):
    """A class, as its number. White space around a label is ignored."""

    file: ClassVar[str] = "labels"

    @property
    def numbers(self) -> int | None:
        return 1

    def load(self, path: Path) -> "Labels":
        return Labels.load(path)

    def learn(self, values: Iterable[str], name: str) -> "Labels":
        return Labels.learn(values, name)

    def example(self) -> "Labels":
        return Labels(("0", "1"))


@dataclass(frozen=True)
class Labels:
    """The classes of a column, sorted by name; the id of a class is its place.

    >>> Labels(("ham", "spam")).encode_batch(["spam", "ham"])
    [[1], [0]]
    """

    names: tuple[str, ...]
    ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if list(self.names) != sorted({name for name in self.names if name.strip()}):
            raise ValueError("labels must be different names in order, none of them empty")
        object.__setattr__(self, "ids", {name: place for place, name in enumerate(self.names)})

    @classmethod
    def learn(cls, values: Iterable[str], column: str) -> "Labels":
        """The different values. ValueError for fewer than two, or more than `MOST_LABELS`."""
        names: set[str] = set()
        for value in values:
            names.add(value)
            if len(names) > MOST_LABELS:
                raise ValueError(
                    f"column {column!r} has more than {MOST_LABELS:,} different labels; is it the right column?"
                )
        if len(names) < 2:
            raise ValueError(
                f"column {column!r} has one class only, {', '.join(map(repr, names))}, in all records to train on; "
                "a classifier needs two or more"
            )
        return cls(tuple(sorted(names)))

    @property
    def size(self) -> int:
        return len(self.names)

    @property
    def look_like_numbers(self) -> bool:
        """Whether all are numbers; two classes may be yes and no."""
        return len(self.names) > 2 and all(map(_is_number, self.names))

    def encode_batch(self, values: Sequence[str]) -> list[list[int]]:
        """The id of each value, in a list of its own. ValueError for an unknown label."""
        try:
            return [[self.ids[value]] for value in values]
        except KeyError as error:
            raise ValueError(f"unknown label {error.args[0]!r}; known: {name_list(self.names)}") from None

    def save(self, path: Path) -> None:
        files.write_atomically(path, self._content())

    @classmethod
    def load(cls, path: Path) -> "Labels":
        """Reads a file that `save` wrote. ValueError, naming the file, for anything else."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
            tree: Any = json.loads(path.read_bytes())
            names = tree["labels"] if isinstance(tree, dict) and tree.keys() == {"labels"} else None
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError('expected {"labels": [...]}')
            return cls(tuple(names))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: not a file of labels: {error}") from None

    def sha256(self) -> str:
        """The hash, in hexadecimal, of the file that `save` writes."""
        return hashlib.sha256(self._content()).hexdigest()

    def _content(self) -> bytes:
        return (json.dumps({"labels": self.names}, ensure_ascii=False, indent=1) + "\n").encode()


def _is_number(name: str) -> bool:
    try:
        float(name.replace(",", "."))
    except ValueError:
        return False
    return True
