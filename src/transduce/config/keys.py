"""Every key of a config class, described."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, replace
from types import MappingProxyType
from typing import Any

from transduce.config.facts import Fact
from transduce.config.fields import NO_PARTS, Hint, Names, Parts, Rest, default_of, expected, fields_of
from transduce.config.parts import with_own
from transduce.config.toml import inline
from transduce.config.writing import short


@dataclass(frozen=True)
class KeyDescription:
    """One key of a run file: dotted name, accepted values, default as TOML ("required", "none"), what it means."""

    key: str
    type: str
    default: str
    text: str


def describe(cls: type, names: Names = MappingProxyType({})) -> list[KeyDescription]:
    """Every key of a config class with dotted names, tables of tables included; the source of --help and the docs.

    A list of tables shows as `train[].weight`; a key that one part only takes names that part in its text. `names` are
    those that `build` gets: each is a key of the mappings that take it.
    """
    return [
        KeyDescription(key, expected(hint), _shown(key, hint, default), text)
        for key, hint, default, text in _describe(cls, "", None, (), names, NO_PARTS)
    ]


def keys_where(
    cls: type, test: Callable[[Fact], bool], names: Names = MappingProxyType({}), parts: Parts = NO_PARTS
) -> tuple[str, ...]:
    """The dotted keys of the fields whose facts pass, those of a caller's own parts too.

    keys_where(RunConfig, lambda fact: fact.resume)  ->  ("training.early-stop.patience", "training.steps", ...)
    """
    keys = (key for key, hint, _, _ in _describe(cls, "", None, (), names, parts, True) if test(hint.fact))
    return tuple(dict.fromkeys(keys))


def tables_of(cls: type) -> dict[str, Mapping[str, type]]:
    """The tables of parts, by the dotted keys that take one."""
    return {key: hint.table for key, hint, _, _ in _describe(cls, "", None, (), {}, NO_PARTS, True) if hint.table}


def fact_of(cls: type, key: str) -> Fact:
    """What is known of a field: `fact_of(Decoding, "max-length").at_most`."""
    return fields_of(cls)[key][1].fact


def is_in(key: str, tables: Sequence[str]) -> bool:
    """Whether a dotted key is one of `tables`, or in one of them: `is_in("data.split.dev", ("data.split",))`."""
    return any(f"{key}.".startswith(f"{table}.") for table in tables)


def _describe(
    cls: type,
    prefix: str,
    base: Any,
    above: tuple[type, ...],
    names: Names,
    parts: Parts,
    tables: bool = False,
) -> Iterator[tuple[str, Hint, Any, str]]:
    """Key, hint, default and text of each field; of one that is a table only where that may be left out, or `tables`."""
    if cls in above:  # a part that holds parts of its own table
        return
    above = (*above, cls)
    for key, (field, hint) in fields_of(cls).items():
        default = default_of(field, base)
        if hint.keys is not None:
            start = prefix if isinstance(hint.keys, Rest) else f"{prefix}{key}."
            if tables and not isinstance(hint.keys, Rest):
                yield prefix + key, hint, default, hint.text
            for name in hint.keys.allowed(names, ()):
                value = default.get(name) if isinstance(default, dict) else None
                yield start + name, replace(hint.value, fact=hint.fact), value, hint.text
                if hint.value.is_table:
                    yield from _describe(hint.value.type, f"{start}{name}.", value, above, names, parts, tables)
            continue
        inner = hint.items(1)[0] if hint.is_list else hint
        below = prefix + key + ("[]." if hint.is_list else ".")
        if default is None or not hint.is_table or tables:
            yield prefix + key, hint, default, hint.text
        if inner.is_table:
            base_below = default if isinstance(default, inner.type) else None
            yield from _describe(inner.type, below, base_below, above, names, parts, tables)
        if inner.table is not None:
            table = with_own(inner.table, inner.type, parts)
            yield from _describe_parts(table, below, default, above, names, parts, tables)


def _describe_parts(
    table: Mapping[str, type],
    prefix: str,
    default: Any,
    above: tuple[type, ...],
    names: Names,
    parts: Parts,
    tables: bool,
) -> Iterator[tuple[str, Hint, Any, str]]:
    """The keys of the parts of a table, once for all parts that mean the same by one; its text names them, if not all."""
    kinds: dict[tuple[str, str, str], list[str]] = {}
    items: dict[tuple[str, str, str], tuple[Hint, Any]] = {}
    for kind, part in table.items():
        base = default if type(default) is part else None
        for key, hint, value, text in _describe(part, prefix, base, above, names, parts, tables):
            same = (key, expected(hint), text)
            kinds.setdefault(same, []).append(kind)
            if same not in items or base is not None:
                items[same] = hint, value
    for (key, of, text), owners in kinds.items():
        yield key, *items[key, of, text], text if len(owners) == len(table) else f"({', '.join(owners)}) {text}"


def _shown(key: str, hint: Hint, default: Any) -> str:
    if default is MISSING:
        return "required"
    return "none" if default is None else inline(short(key, hint, default))
