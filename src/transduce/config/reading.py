"""A tree of TOML values to a frozen dataclass, strictly."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args, get_origin

from transduce.config.fields import (
    NO_PARTS,
    Hint,
    Keys,
    Names,
    Parts,
    default_of,
    expected,
    fields_of,
    rest_of,
    value_and_type,
)
from transduce.config.keys import describe, tables_of
from transduce.config.parts import check_parts, misfit, with_own
from transduce.config.toml import Tree, has_controls, origin, path_advice

T = TypeVar("T")


class UnknownPart(ValueError):
    """No table names the part `kind`: it may be a caller's own."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


def build(
    cls: type[T],
    tree: Mapping[str, Any],
    where: str,
    base: T | Mapping[str, Any] | None = None,
    key: str = "",
    also: Iterable[str] = (),
    names: Names = MappingProxyType({}),
    parts: Parts = NO_PARTS,
) -> T:
    """Build `cls` from a tree. Missing keys come from `base`, else from the defaults, else are an error.

    `base` is a value, or a mapping that has values for some fields. `where` names the file in messages; `key` is the
    dotted key at which the tree stands in it ("" at the top); `also` are dotted keys that the file may have although the
    tree lacks them; `names` are the keys that each `Keys` and `Rest` allows (without an entry: any);
    `parts` are a caller's own, which stand beside those of every table that they fit.

        build(Decoding, {"beam": 0}, "run.toml")  ->  ValueError: run.toml: beam must be at least 1, found 0
    """
    check_parts(parts, tables_of(cls) if parts else {})
    result: T = _table(cls, tree, _Place(where, where, key, key, cls, names, tuple(also), parts), base)
    return result


@dataclass(frozen=True)
class _Place:
    """Where a value stands: file, with its line if that is known (or --set), and dotted key.

    top, cls, names, also, parts: the key, the class, the names, the other keys and the own parts that `build` was given.
    """

    file: str
    where: str
    key: str
    top: str
    cls: type
    names: Names
    also: tuple[str, ...]
    parts: Parts

    def all_keys(self) -> list[str]:
        """Every key of the file, for suggestions."""
        prefix = f"{self.top}." if self.top else ""
        return [prefix + description.key for description in describe(self.cls, self.names)]

    def child(self, key: str, tree: Mapping[str, Any]) -> "_Place":
        where = origin(self.file, tree, key)
        where = self.where if where == self.file else where  # at least the line of the table
        return replace(self, where=where, key=f"{self.key}.{key}" if self.key else key)

    def item(self, index: int, value: Any) -> "_Place":
        line = value.line if isinstance(value, Tree) else None
        return replace(self, where=self.where if line is None else f"{self.file}:{line}", key=f"{self.key}[{index}]")

    def error(self, text: str) -> ValueError:
        return ValueError(f"{self.where}: {self.key} {text}" if self.key else f"{self.where}: {text}")

    def wrong(self, hint: Hint, value: Any, advice: str = "") -> ValueError:
        return self.error(f"must be {expected(hint)}, found {value_and_type(value)}{advice}")


def _table(cls: type, tree: Any, place: _Place, base: Any, kinds: Mapping[str, type] = MappingProxyType({})) -> Any:
    """`kinds` are the parts of which `cls` is one, for messages."""
    if not isinstance(tree, Mapping):
        raise place.wrong(Hint(cls), tree)
    fields, rest = fields_of(cls), rest_of(cls)
    others = Tree({key: value for key, value in tree.items() if key not in fields or (rest and key == rest[0])}).like(
        tree
    )
    own = [key for key in fields if rest is None or key != rest[0]]
    if rest is None and others:
        first = next(iter(others))
        raise _unknown_key(place.child(first, tree), first, own, kinds, cls)
    values = {}
    for key, (field, hint) in fields.items():
        default = default_of(field, base)
        if rest is not None and key == rest[0]:
            values[field.name] = _mapping(hint, rest[2], others, place, default, own)
        elif key in tree:
            values[field.name] = _value(hint, tree[key], place.child(key, tree), default)
        elif default is MISSING:
            text = f" ({hint.text})" if hint.text else ""
            raise place.child(key, tree).error(f"is missing; expected {expected(hint)}{text}")
        else:
            values[field.name] = default
    try:
        return cls(**values)
    except ValueError as error:
        raise _refused(error, tree, place, [*fields, *others]) from None


def _mapping(
    hint: Hint, keys: Keys, tree: Any, place: _Place, default: Any, also: Iterable[str] = ()
) -> dict[str, Any]:
    """The values of a mapping, in the order of its names; `also` are other keys that its table takes."""
    if not isinstance(tree, Mapping):
        raise place.wrong(hint, tree)
    before = default if isinstance(default, Mapping) else {}
    allowed = keys.allowed(place.names, dict.fromkeys([*before, *tree]))
    for key in tree:
        if key not in allowed:
            raise _unknown_key(place.child(key, tree), key, [*also, *allowed])
    values = {key: _value(hint.value, tree[key], place.child(key, tree), before.get(key)) for key in tree}
    return {key: values.get(key, before.get(key)) for key in allowed if key in values or key in before}


def _unknown_key(
    place: _Place,
    key: str,
    fields: Iterable[str],
    kinds: Mapping[str, type] = MappingProxyType({}),
    cls: type | None = None,
) -> ValueError:
    """An unknown key, with the nearest known one: of this table, or the same name in another table of the file.

    `cls` is the table's class, of the parts `kinds`; None for a key of a mapping.
    """
    table = place.key.removesuffix(key)
    owners = [kind for kind, part in kinds.items() if key in fields_of(part)]
    if owners:
        own = next(kind for kind, part in kinds.items() if part is cls)
        return ValueError(
            f"{place.where}: {place.key} is a key of {' and '.join(owners)}, but {table[:-1] or 'this'} is {own}; known keys "
            f"here: {', '.join(fields) or 'none'}"
        )
    also = [name.removeprefix(table) for name in place.also if name.rpartition(".")[0] == table[:-1]]
    here = {field: table + field for field in [*also, *fields]}
    near = [here[name] for name in _near(key, here)]
    others = () if cls is None else place.all_keys()  # a column that the run has not is no key of another table
    elsewhere = [each for each in others if each.rpartition(".")[2] == key]
    if near or elsewhere:
        advice = f"did you mean {(near + elsewhere)[0]!r}?"
    else:
        advice = f"known keys here: {', '.join(here) or 'none'}"
    return ValueError(f"{place.where}: unknown key {place.key!r}; {advice}")


def _near(word: Any, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(word.lower(), list(names), n=1) if isinstance(word, str) else []


def _refused(error: ValueError, tree: Mapping[str, Any], place: _Place, fields: Iterable[str]) -> ValueError:
    """A refusal by `__post_init__`, with the file and the full key before its message."""
    key, _, rest = str(error).partition(" ")
    if key in fields:
        return place.child(key, tree).error(rest)
    return ValueError(f"{place.where}: {f'[{place.key}] ' if place.key else ''}{error}")


def _value(hint: Hint, value: Any, place: _Place, default: Any) -> Any:
    if hint.none_word and isinstance(value, str) and value == "none":
        return None
    if hint.keys is not None:
        return _mapping(hint, hint.keys, value, place, default)
    if hint.is_list:
        return _list(hint, value, place, default)
    if hint.table is not None:
        table = with_own(hint.table, hint.type, place.parts)
        return _part(replace(hint, table=table), table, value, place, default)
    if hint.is_table:
        return _table(hint.type, value, place, default if isinstance(default, hint.type) else None)
    if get_origin(hint.type) is Literal:
        return _choice(hint, value, place)
    return _scalar(hint, value, place)


def _list(hint: Hint, value: Any, place: _Place, default: Any) -> tuple[Any, ...]:
    if isinstance(value, Mapping) and isinstance(default, tuple):
        return _changed_items(hint, value, place, default)
    if not isinstance(value, list | tuple):
        raise place.wrong(hint, value)
    hints = hint.items(len(value))
    if len(hints) != len(value):
        raise place.wrong(hint, list(value))
    return tuple(_value(of, value[i], place.item(i, value[i]), None) for i, of in enumerate(hints))


def _changed_items(hint: Hint, changes: Mapping[str, Any], place: _Place, items: tuple[Any, ...]) -> tuple[Any, ...]:
    """A list of which some items change, by number: {"0": {"weight": 2}}."""
    result, hints = list(items), hint.items(len(items))
    for name, change in changes.items():
        if not name.isdecimal() or int(name) >= len(items):
            raise place.wrong(hint, changes)
        number = int(name)
        result[number] = _value(hints[number], change, place.item(number, change), items[number])
    return tuple(result)


def _part(hint: Hint, table: Mapping[str, type], value: Any, place: _Place, default: Any) -> Any:
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, Mapping):
        raise place.wrong(hint, value)
    rest = Tree({key: item for key, item in value.items() if key != "kind"}).like(value)
    if "kind" in value:
        kind = value["kind"]
        if not isinstance(kind, str) or kind not in table:
            raise _refused_kind(hint, table, kind, replace(place, where=place.child("kind", value).where))
        return _table(table[kind], rest, place, None, table)
    if type(default) not in table.values():
        raise place.error(f"needs a kind, {expected(hint)}")
    return _table(type(default), rest, place, default, table)


def _refused_kind(hint: Hint, table: Mapping[str, type], kind: Any, place: _Place) -> ValueError:
    if isinstance(kind, str) and kind in place.parts:
        return place.error(f'cannot be the part "{kind}": {misfit(place.parts[kind], hint.type)}')
    near = _near(kind, table)
    error = place.wrong(hint, kind, f"; did you mean {near[0]!r}?" if near else "")
    return UnknownPart(str(error), kind) if isinstance(kind, str) else error


def _choice(hint: Hint, value: Any, place: _Place) -> Any:
    choices = get_args(hint.type)
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    near = _near(value, [choice for choice in choices if isinstance(choice, str)])
    raise place.wrong(hint, value, f"; did you mean {near[0]!r}?" if near else "")


def _scalar(hint: Hint, value: Any, place: _Place) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if hint.type is float and (whole or isinstance(value, float)):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise place.error(f"must be a finite number, found {value_and_type(value)}")
        return number
    if hint.type is Path and isinstance(value, str) and has_controls(value):
        raise place.error(f"has control characters, found {value_and_type(value)}; {path_advice(value)}")
    if hint.type is Path and isinstance(value, str) and value:
        return Path(value)
    if (hint.type is int and whole) or (hint.type in (bool, str) and isinstance(value, hint.type)):
        return value
    exact = hint.type is int and isinstance(value, float) and value.is_integer()
    raise place.wrong(hint, value, f"; write {int(value)}" if exact else "")
