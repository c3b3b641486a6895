"""Config values once they are built: the keys of a file, values by dotted key, changes, differences."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from transduce.config.fields import NO_PARTS, Hint, Parts, Rest, fields_of
from transduce.config.reading import build
from transduce.config.toml import assigned
from transduce.config.writing import name_of, plain

T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """The dotted keys of a file and of --set. It has a table if it has one of its keys: "a.b" in Given({"a.b.c"})."""

    keys: frozenset[str] = frozenset()

    def __contains__(self, key: str) -> bool:
        return any(f"{each}.".startswith(f"{key}.") for each in self.keys)

    def any(self, keys: Iterable[str]) -> bool:
        return any(key in self for key in keys)


def given(tree: Mapping[str, Any]) -> Given:
    """The keys of a tree of TOML values, items of lists by number: `{"a": [{"b": 1}]}` gives a.0.b."""
    return Given(frozenset(_keys(tree, "")))


def _keys(value: Any, key: str) -> Iterator[str]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if items is None or not value:
        yield key
    for name, item in items or ():
        yield from _keys(item, f"{key}.{name}" if key else str(name))


def values_of(value: Any, parts: Parts = NO_PARTS) -> dict[str, Any]:
    """Every setting of a config value by its dotted key, as TOML has it, items of lists by number; None where it is left out.

    {"seed": 1, "training.schedule.kind": "linear", "training.schedule.warmup": 400, "data.train.0.weight": 1.0}
    """
    return dict(_settings("", Hint(type(value)), value, parts))


def _settings(key: str, hint: Hint, value: Any, parts: Parts) -> Iterator[tuple[str, Any]]:
    below = _below(hint, value)
    if below is None:
        yield key, None if value is None else plain(key, hint, value, None, parts)
        return
    if hint.table is not None and not isinstance(value, tuple):
        yield f"{key}.kind", name_of(key, {**hint.table, **parts}, value)
    for name, (inner, item) in below.items():
        if isinstance(inner.keys, Rest):
            yield from _settings(key, inner, item, parts)
        else:
            yield from _settings(f"{key}.{name}" if key else name, inner, item, parts)


def _below(hint: Hint, value: Any) -> dict[str, tuple[Hint, Any]] | None:
    """The fields of a table, or the items of a mapping or a list of tables; None for any other value."""
    if dataclasses.is_dataclass(value):
        return {key: (inner, getattr(value, field.name)) for key, (field, inner) in fields_of(type(value)).items()}  # type: ignore[arg-type]
    if isinstance(value, dict):
        return {name: (hint.value, item) for name, item in value.items()}
    if isinstance(value, tuple) and any(dataclasses.is_dataclass(item) for item in value):
        hints = hint.items(len(value))
        return {str(number): (hints[number], item) for number, item in enumerate(value)}
    return None


def value_at(value: Any, key: str, parts: Parts = NO_PARTS) -> Any:
    """The setting or table at a dotted key as TOML has it, items of lists by number; None if there is none."""
    hint, here = Hint(type(value)), value
    for name in key.split("."):
        if name == "kind" and hint.table is not None:
            return name_of(key, {**hint.table, **parts}, here)
        below = _below(hint, here) or {}
        below |= {
            inside: each
            for inner, item in below.values()
            if isinstance(inner.keys, Rest)
            for inside, each in (_below(inner, item) or {}).items()
        }
        if name not in below:
            return None
        hint, here = below[name]
    return None if here is None else plain(key, hint, here, None, parts)


def with_values(value: T, values: Mapping[str, Any], parts: Parts = NO_PARTS) -> T:
    """The config value with settings changed by dotted key, each as TOML has it, and checked as those of a file are.

    with_values(run, {"model.dropout": 0.3, "training.schedule": {"kind": "linear", "warmup": 400}})
    """
    changes = {key: "none" if item is None else item for key, item in values.items()}
    return build(type(value), assigned(changes), "--set", base=value, parts=parts)


class Difference(NamedTuple):
    key: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.key} = {self.before!r}, now {self.now!r}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """The settings that differ, of two results of `values_of`; first the kinds of parts, on which their keys depend."""
    keys = sorted(before.keys() | now.keys(), key=lambda key: (not key.endswith(".kind"), key))
    return [Difference(key, before.get(key), now.get(key)) for key in keys if before.get(key) != now.get(key)]
