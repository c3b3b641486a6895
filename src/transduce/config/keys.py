"""Every key of a config class, described."""

import dataclasses
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from typing import Any

from transduce.config.fields import Hint, default_of, expected, fields_of
from transduce.config.toml import inline
from transduce.config.writing import plain


@dataclass(frozen=True)
class KeyDescription:
    """One key of a run file: dotted name, accepted values, default as TOML ("required", "none"), what it means."""

    key: str
    type: str
    default: str
    text: str


def describe(cls: type) -> list[KeyDescription]:
    """Every key of a config class with dotted names, tables of tables included; the source of --help and the docs.

    A list of tables shows as `train[].weight`; a key that one part only takes names that part in its text.
    """
    return list(_describe(cls, "", None, ()))


def _describe(cls: type, prefix: str, base: Any, above: tuple[type, ...]) -> Iterator[KeyDescription]:
    if cls in above:  # a part that holds parts of its own table
        return
    above = (*above, cls)
    for key, (field, hint) in fields_of(cls).items():
        default = default_of(field, base)
        inner = hint.items(1)[0] if hint.is_list else hint
        below = prefix + key + ("[]." if hint.is_list else ".")
        if default is None or not hint.is_table:
            yield KeyDescription(prefix + key, expected(hint), _shown(key, hint, default), hint.text)
        if inner.is_table:
            yield from _describe(inner.type, below, default if isinstance(default, inner.type) else None, above)
        for name, part in (inner.table or {}).items():
            for item in _describe(part, below, default if type(default) is part else None, above):
                yield dataclasses.replace(item, text=f"({name}) {item.text}")


def _shown(key: str, hint: Hint, default: Any) -> str:
    if default is MISSING:
        return "required"
    return "none" if default is None else inline(plain(key, hint, default))
