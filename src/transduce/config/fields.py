"""Fields of a config class: the parts of their annotations, and the values that they accept, in words."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from transduce.config.facts import Fact
from transduce.config.toml import inline

Names = Mapping[str, Sequence[str]]  # for `Keys` and `Rest`: which keys their mappings may have
Parts = Mapping[str, type]  # parts of a caller's own by name, beside those of the tables
NO_PARTS: Parts = MappingProxyType({})

SCALARS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
_PLURALS = {
    "a whole number": "whole numbers",
    "a number": "numbers",
    "text": "texts",
    "a path": "paths",
    "a table": "tables",
}


@dataclass(frozen=True)
class Keys:
    """Beside a `Mapping[str, X]`: `build(..., names={"columns": ("source", "target")})` says which keys it may have.

    columns: Annotated[Mapping[str, str], "...", Keys("columns")]    ->    columns = { source = "en", target = "de" }
    """

    of: str

    def allowed(self, names: Names, present: Iterable[str]) -> Sequence[str]:
        """The keys that the mapping may have; all that are `present` where `names` has no such list."""
        return names[self.of] if self.of in names else tuple(present)


class Rest(Keys):
    """The same, but the keys stand in the table of the field itself, beside the table's own keys.

    files: Annotated[Mapping[str, Path], "...", Rest("columns")]    ->    source = "train.en"
    """


@dataclass(frozen=True)
class Hint:
    """A field's annotation taken apart. `type` is bare: no Annotated, no None."""

    type: Any
    table: Mapping[str, type] | None = None
    optional: bool = False
    text: str = ""
    keys: Keys | None = None
    fact: Fact = Fact()

    @property
    def none_word(self) -> bool:
        """Whether the word "none" stands for None here (not where it could be a value of its own)."""
        names: tuple[Any, ...] = tuple(self.table) if self.table else get_args(self.type)
        return self.optional and not {self.type, *names} & {str, Path, "none"}

    @property
    def is_list(self) -> bool:
        return get_origin(self.type) is tuple

    @property
    def is_table(self) -> bool:
        """Whether the value is a dataclass of one kind (a part of a table is not)."""
        return self.table is None and isinstance(self.type, type) and dataclasses.is_dataclass(self.type)

    @property
    def value(self) -> "Hint":
        """Of a mapping: the hint of its values."""
        return hint_of(get_args(self.type)[1], self.table)

    def items(self, count: int) -> list["Hint"]:
        """Of a list: the hint of each of `count` items (or of as many as a fixed length asks for)."""
        arguments = get_args(self.type)
        types = arguments[:1] * count if arguments[-1] is Ellipsis else arguments
        return [hint_of(item, self.table) for item in types]


def hint_of(annotation: Any, table: Mapping[str, type] | None = None) -> Hint:
    """Take an annotation apart; `table` is the one that an annotation around it names."""
    text, optional, keys, fact = "", False, None, Fact()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *notes = get_args(annotation)
            text = text or next((note for note in notes if isinstance(note, str)), "")
            table = next((note for note in notes if isinstance(note, Mapping)), table)
            keys = next((note for note in notes if isinstance(note, Keys)), keys)
            fact = next((note for note in notes if isinstance(note, Fact)), fact)
        elif get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
            annotation = Union[tuple(m for m in get_args(annotation) if m is not NoneType)]  # noqa: UP007
            optional = True
        else:
            return Hint(annotation, table, optional, text, keys, fact)


def fields_of(cls: type) -> Mapping[str, tuple[dataclasses.Field[Any], Hint]]:
    """Of a config class: hyphenated key -> (field, hint), for the fields that the constructor takes."""
    return _fields_of(cls)


@functools.cache
def _fields_of(cls: Any) -> Mapping[str, tuple[dataclasses.Field[Any], Hint]]:
    hints = get_type_hints(cls, include_extras=True)
    fields = [field for field in dataclasses.fields(cls) if field.init]
    return {field.name.replace("_", "-"): (field, hint_of(hints[field.name])) for field in fields}


def default_of(field: dataclasses.Field[Any], base: Any = None) -> Any:
    """The value of an absent key: that of `base` (a value or a mapping), else the default, else MISSING."""
    if isinstance(base, Mapping) and field.name in base:
        return base[field.name]
    if base is not None and not isinstance(base, Mapping):
        return getattr(base, field.name)
    return field.default_factory() if field.default_factory is not MISSING else field.default


def rest_of(cls: type) -> tuple[str, Hint, Keys] | None:
    """The field that takes the other keys of its table: its key, hint and list of names."""
    rests = ((key, hint, hint.keys) for key, (_, hint) in fields_of(cls).items() if isinstance(hint.keys, Rest))
    return next(rests, None)


def check(value: Any) -> None:
    """ValueError for a field outside its range. A config class calls it in `__post_init__`: `config.check(self)`."""
    for key, (field, hint) in fields_of(type(value)).items():
        if complaint := hint.fact.complaint(getattr(value, field.name)):
            raise ValueError(f"{key} {complaint}")


def expected(hint: Hint) -> str:
    """The values that a field accepts: `a whole number`, `one of "bpe", "unigram"`, `a list of tables`."""
    words = _expected(hint)
    return f'{words} or "none"' if hint.none_word else words


def _expected(hint: Hint) -> str:
    origin, arguments = get_origin(hint.type), get_args(hint.type)
    if hint.is_list:
        item = expected(hint.items(1)[0])
        count = "" if arguments[-1] is Ellipsis else f"{len(arguments)} "
        return f"a list of {count}{_PLURALS.get(item, f'items, each {item}')}"
    if hint.table is not None:
        return "one of " + ", ".join(inline(name) for name in hint.table)
    if origin is Literal:
        return ("one of " if len(arguments) > 1 else "") + ", ".join(inline(choice) for choice in arguments)
    return "a table" if hint.is_table or hint.keys else SCALARS[hint.type]


def value_and_type(value: Any) -> str:
    """A value as TOML writes it, shortened, with the name of its type: `"many" (text)`."""
    kinds = {bool: "true or false", int: "whole number", float: "number", str: "text", list: "list", dict: "table"}
    kind = next((word for cls, word in kinds.items() if isinstance(value, cls)), type(value).__name__)
    text = inline(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({kind})"
