"""Columns of a task, by kind of value, and the processors that turn their values into ids."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from transduce import files
from transduce.text.imported_tokenizer import load as load_tokenizer
from transduce.text.tags import name_list
from transduce.text.tokenizer import Tokenizer

MOST_LABELS = 10_000  # classes of a column
MOST_BYTES = 64 * 2**20  # of a file of labels


@runtime_checkable
class Processor(Protocol):
    """Turns values of a column into ids. A Tokenizer is the processor of Text, Labels is that of Label."""

    @property
    def size(self) -> int: ...

    def encode_batch(self, values: Sequence[str], /) -> list[list[int]]: ...

    def save(self, path: Path, /) -> None: ...

    def sha256(self) -> str: ...


@runtime_checkable
class Column(Protocol):
    """A column of a task, a small frozen dataclass.

    file: name of the processor's file if all columns of this kind share one processor.
    """

    @property
    def file(self) -> str: ...

    def load(self, path: Path, /) -> Processor: ...


@dataclass(frozen=True)
class Text:
    """Text as token ids, without start and end.

    multiline: texts keep their line breaks; else these become spaces.
    limit: the task's `rows` splits or cuts texts of more tokens, and the report counts them as `beyond`. None: records with
    more tokens than data.clean.max-length are left out. roles: special tokens that the tokenizer must have.
    """

    file: ClassVar[str] = "tokenizer"

    multiline: bool = False
    limit: int | None = None
    beyond: str = "longer than the context, split"
    roles: tuple[str, ...] = ("start", "end", "pad")

    def load(self, path: Path) -> Tokenizer:
        return load_tokenizer(path)


@dataclass(frozen=True)
class Label:
    """A class, as its number. White space around a label is ignored."""

    file: ClassVar[str] = "labels"

    def load(self, path: Path) -> "Labels":
        return Labels.load(path)


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
