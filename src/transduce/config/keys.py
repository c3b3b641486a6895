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
    """One key of a run file: dotted name, accepted values, default as TOML ("required", "none"), description."""

    key: str
    type: str
    default: str
    text: str


def describe(cls: type, names: Names = MappingProxyType({})) -> list[KeyDescription]:
    """Every key of a config class with dotted names, tables of tables included; the source of --help and the docs.

    A list of tables shows as `train[].weight`; a key that one part only takes names that part in its text. `names` are
    those that `build` gets: each is a key of the mappings that take it. A table has no entry of its own unless it may be
    left out.
    """
    return [
        KeyDescription(key, expected(hint), _default(key, hint, default), hint.text)
        for key, hint, default in _Walk(names, NO_PARTS).keys(cls)
        if hint.keys is None and (default is None or not hint.is_table)
    ]


def keys_where(
    cls: type, test: Callable[[Fact], bool], names: Names = MappingProxyType({}), parts: Parts = NO_PARTS
) -> tuple[str, ...]:
    """The dotted keys of the fields whose facts pass, those of a caller's own parts too.

    keys_where(RunConfig, lambda fact: fact.resume)  ->  ("training.early-stop.patience", "training.steps", ...)
    """
    return tuple(dict.fromkeys(key for key, hint, _ in _Walk(names, parts).keys(cls) if test(hint.fact)))


def tables_of(cls: type) -> dict[str, Mapping[str, type]]:
    """The tables of parts, by the dotted keys that take one."""
    return {key: hint.table for key, hint, _ in _Walk({}, NO_PARTS).keys(cls) if hint.table}


def fact_of(cls: type, key: str) -> Fact:
    """The facts of a field: `fact_of(Decoding, "max-length").at_most`."""
    return fields_of(cls)[key][1].fact


def is_in(key: str, tables: Sequence[str]) -> bool:
    """Whether a dotted key is one of `tables`, or in one of them: `is_in("data.split.dev", ("data.split",))`."""
    return any(f"{key}.".startswith(f"{table}.") for table in tables)


Entry = tuple[str, Hint, Any]  # dotted key, hint, default


@dataclass(frozen=True)
class _Walk:
    """A walk through all fields of a config class, tables before their keys. `names` and `parts` are those of `build`."""

    names: Names
    parts: Parts

    def keys(self, cls: type, prefix: str = "", base: Any = None, above: tuple[type, ...] = ()) -> Iterator[Entry]:
        """`base`: the value that has the defaults. `above`: the classes whose fields lead here."""
        if cls in above:  # a part that holds parts of its own table
            return
        above = (*above, cls)
        for key, (field, hint) in fields_of(cls).items():
            default = default_of(field, base)
            if not isinstance(hint.keys, Rest):
                yield prefix + key, hint, default
            if hint.keys is not None:
                yield from self._mapping(
                    hint, prefix if isinstance(hint.keys, Rest) else f"{prefix}{key}.", default, above
                )
                continue
            inner = hint.items(1)[0] if hint.is_list else hint
            below = prefix + key + ("[]." if hint.is_list else ".")
            if inner.is_table:
                yield from self.keys(inner.type, below, default if isinstance(default, inner.type) else None, above)
            if inner.table is not None:
                yield from self._parts(with_own(inner.table, inner.type, self.parts), below, default, above)

    def _mapping(self, hint: Hint, prefix: str, default: Any, above: tuple[type, ...]) -> Iterator[Entry]:
        assert hint.keys is not None
        for name in hint.keys.allowed(self.names, ()):
            value = default.get(name) if isinstance(default, dict) else None
            yield prefix + name, replace(hint.value, fact=hint.fact, text=hint.text), value
            if hint.value.is_table:
                yield from self.keys(hint.value.type, f"{prefix}{name}.", value, above)

    def _parts(self, table: Mapping[str, type], prefix: str, default: Any, above: tuple[type, ...]) -> Iterator[Entry]:
        """The keys of the parts of a table, once for all parts that mean the same by one; its text names them, if not all."""
        kinds: dict[tuple[str, str, str], list[str]] = {}
        items: dict[tuple[str, str, str], tuple[Hint, Any]] = {}
        for kind, part in table.items():
            base = default if type(default) is part else None
            for key, hint, value in self.keys(part, prefix, base, above):
                same = (key, expected(hint), hint.text)
                kinds.setdefault(same, []).append(kind)
                if same not in items or base is not None:
                    items[same] = hint, value
        for same, owners in kinds.items():
            hint, value = items[same]
            text = hint.text if len(owners) == len(table) else f"({', '.join(owners)}) {hint.text}"
            yield same[0], replace(hint, text=text), value


def _default(key: str, hint: Hint, default: Any) -> str:
    if default is MISSING:
        return "required"
    return "none" if default is None else inline(short(key, hint, default))
