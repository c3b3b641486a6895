"""A config dataclass to the tree of TOML values that makes an equal one."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transduce.config.fields import NO_PARTS, SCALARS, Hint, Parts, Rest, default_of, fields_of


def tree_of(value: Any, parts: Parts = NO_PARTS) -> dict[str, Any]:
    """The tree from which `build` makes an equal value: `build(type(value), tree_of(value), where) == value`.

    It has every setting, as a default may change. `parts` are those that `build` gets. ValueError for a part that neither
    they nor its field's table name, and for a value that TOML cannot hold.
    """
    return _table(value, None, parts)


def _table(value: Any, base: Any, parts: Parts) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, (field, hint) in fields_of(type(value)).items():
        item, default = getattr(value, field.name), default_of(field, base)
        if isinstance(hint.keys, Rest):
            tree |= plain(key, hint, item, None, parts)
        elif hint.keys is not None and not item and not default:
            continue
        elif item is not None or default is not None:
            tree[key] = plain(key, hint, item, default, parts)
    return tree


def plain(key: str, hint: Hint, value: Any, default: Any = None, parts: Parts = NO_PARTS) -> Any:
    """One field's value as TOML holds it; `default` is the value of an absent key."""
    if value is None and hint.none_word:
        return "none"
    if hint.keys is not None:
        return {name: plain(name, hint.value, item, None, parts) for name, item in (value or {}).items()}
    if isinstance(value, tuple):
        hints = hint.items(len(value))
        return [plain(key, of, item, None, parts) for of, item in zip(hints, value, strict=True)]
    if hint.table is not None:
        return _part(key, hint.table, value, parts)
    if dataclasses.is_dataclass(value):
        return _table(value, default if isinstance(default, type(value)) else None, parts)
    if isinstance(value, Path):
        return str(value)
    if type(value) not in SCALARS or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{key}: {value!r} cannot be written to a TOML file")
    return value


def name_of(key: str, table: Mapping[str, type], part: Any) -> str:
    """The name of a part in its table."""
    names = [name for name, cls in table.items() if cls is type(part)]
    if not names:
        raise ValueError(
            f"{key}: {type(part).__qualname__} cannot be saved, as no name stands for it (known: {', '.join(table)})"
        )
    return names[0]


def short(key: str, hint: Hint, value: Any) -> Any:
    """The same for people: the name alone of a part that has its defaults."""
    tree = plain(key, hint, value)
    is_part = hint.table is not None and isinstance(tree, dict)
    return name_of(key, hint.table or {}, value) if is_part and _has_defaults(value) else tree


def _has_defaults(part: Any) -> bool:
    return all(getattr(part, field.name) == default_of(field) for field, _ in fields_of(type(part)).values())


def _part(key: str, table: Mapping[str, type], part: Any, parts: Parts) -> Any:
    """The part's name, in a table with its settings if it has any: their defaults may change."""
    name, settings = name_of(key, {**table, **parts}, part), _table(part, None, parts)
    return {"kind": name, **settings} if settings else name
