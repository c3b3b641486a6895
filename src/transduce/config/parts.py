"""Parts of a caller's own: `build(RunConfig, tree, where, parts={"mine": Mine})` reads `norm = "mine"`.

A part is a frozen dataclass with a default for every field. Any field may name it whose type it fits: for a protocol its
attributes and methods are compared, else it is a subclass.
"""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, get_args

from transduce.config.fields import Parts, default_of, expected, fields_of

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_ABSENT = object()


def check_parts(parts: Parts, tables: Mapping[str, Mapping[str, type]]) -> None:
    """ValueError unless every part can be a setting, under a name that no table has; `tables` are by key."""
    for name, part in parts.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "none":
            raise ValueError(
                f'parts: a name is lower-case letters, digits and hyphens, such as "my-norm", found {name!r}'
            )
        own = f'parts["{name}"]'
        if not (isinstance(part, type) and dataclasses.is_dataclass(part) and part.__dataclass_params__.frozen):  # type: ignore[attr-defined]
            name = part.__name__ if isinstance(part, type) else repr(part)
            raise ValueError(f"{own} must be a class with @dataclass(frozen=True), found {name}")
        _check_fields(own, part)
    for key, table in tables.items():
        for name in parts.keys() & table.keys():
            raise ValueError(f'parts: "{name}" is a built-in part of {key}; choose another name')


def _check_fields(own: str, part: type) -> None:
    try:
        fields = fields_of(part)
    except NameError as error:
        raise ValueError(f"{own}: the annotations of {part.__name__} cannot be read: {error}") from None
    for key, (field, hint) in fields.items():
        if key == "kind":
            raise ValueError(
                f'{own}: {part.__name__} has a field "kind", which is the key of its name; rename the field'
            )
        if default_of(field) is dataclasses.MISSING:
            raise ValueError(f"{own}: {part.__name__}.{field.name} needs a default")
        try:
            expected(hint)
        except (KeyError, TypeError, IndexError):
            raise ValueError(
                f"{own}: {part.__name__}.{field.name} is {hint.type!r}, which TOML cannot hold; a field is bool, int, float, "
                "str, Path, Literal, a tuple of these, a frozen dataclass, or one of these or None"
            ) from None


def with_own(table: Mapping[str, type], of: Any, parts: Parts) -> dict[str, type]:
    """The table of a field of the type `of`, and those own parts that fit it."""
    return {**table, **{name: part for name, part in parts.items() if not misfit(part, of)}}


def misfit(part: type, of: Any) -> str:
    """Why a class cannot be the value of a field of the type `of`, a protocol, class or union; "" where it can.

    >>> misfit(Rotary, Norm)
    'Rotary has no module(width)'
    """
    if not getattr(of, "_is_protocol", False):
        classes = get_args(of) or (of,)
        names = " or ".join(each.__name__ for each in classes)
        return "" if issubclass(part, classes) else f"{part.__name__} is no subclass of {names}"
    for name, member in _members(of):
        bases = (base for base in part.__mro__ if name in vars(base) and not _is_protocol(base))
        own = next((vars(base)[name] for base in bases), _ABSENT)
        if own is _ABSENT and name not in (field.name for field in dataclasses.fields(part)):
            return f"{part.__name__} has no {name}{_signature(member)}"
        if isinstance(own, FunctionType) and isinstance(member, FunctionType):
            try:
                inspect.signature(own).bind(*inspect.signature(member).parameters)
            except TypeError:
                return f"{part.__name__}.{name} must take {_signature(member)}, found {_signature(own)}"
    return ""


def _members(protocol: type) -> Iterator[tuple[str, Any]]:
    """Attributes, properties and methods of a protocol, by name; None for an attribute that is annotated alone."""
    for base in filter(_is_protocol, protocol.__mro__):
        names = dict.fromkeys([*inspect.get_annotations(base), *vars(base)])
        yield from ((name, vars(base).get(name)) for name in names if not name.startswith("_"))


def _is_protocol(cls: type) -> bool:
    return bool(vars(cls).get("_is_protocol", False))


def _signature(method: Any) -> str:
    """`(width)`; "" for other attributes."""
    if not isinstance(method, FunctionType):
        return ""
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    return f"({', '.join(names)})"
