"""TOML text to a tree of plain values, with dotted overrides; and back."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from transduce.config.positions import Path as KeyPath
from transduce.config.positions import lines_of_keys

_LARGEST = 2 * 2**20  # bytes; a larger file is no configuration, but data given by mistake
_DEEPEST = 20  # tables within tables
# a key of so many parts that Python's parser, whose time and memory grow with their square, is not to see it
_ENDLESS_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# errors of a text with backslashes, and such a text in double quotes
_OF_ESCAPES = re.compile(r"Unescaped '\\'|Invalid hex|Escaped character|Illegal character '\\n'|Unterminated string")
_WITH_BACKSLASH = re.compile(r'"([^"\n]*\\[^"\n]*)')
_CONTROLS = str.maketrans({"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", "\x1b": r"\e"})
_KEY = re.compile(rf"{_BARE.pattern}(\.{_BARE.pattern})*")


class Tree(dict[str, Any]):
    """A table that knows where its keys come from, so that messages can say so.

    overrides: the keys that the command line sets.
    lines: the line in its file of each other, where that is known. line: of the table itself.
    """

    overrides: frozenset[str] = frozenset()
    lines: Mapping[str, int] = MappingProxyType({})
    line: int | None = None

    def like(self, other: Mapping[str, Any]) -> "Tree":
        """This table, whose keys come from where those of `other` do."""
        if isinstance(other, Tree):
            self.overrides, self.lines, self.line = other.overrides, other.lines, other.line
        return self


def origin(where: str, tree: object, key: str) -> str:
    """Where a key of a table stands: the file `where`, "run.toml:7" if its line is known; --set, if it was set there."""
    if not isinstance(tree, Tree):
        return where
    if key in tree.overrides:
        return "--set"
    return f"{where}:{tree.lines[key]}" if key in tree.lines else where


def read(path: Path) -> dict[str, Any]:
    """Read a TOML file. Its tables know on which lines their keys are.

    ValueError with file, line and column for other text than TOML; with the file if it is missing or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: is a folder, expected a TOML file") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ValueError(f"{path}: is larger than {_LARGEST} bytes, expected a TOML file")
    text = _decode(data, path)
    tree: dict[str, Any] = _located(_parse(text, path), (), lines_of_keys(text))
    return tree


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        byte = data[error.start]
        raise ValueError(f"{path}:{line}:{column}: not UTF-8: byte 0x{byte:02x}; expected a TOML file") from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    if endless := _ENDLESS_KEY.search(text):
        raise ValueError(f"{path}:{text.count(chr(10), 0, endless.start()) + 1}: a key has more than 100 parts")
    try:
        return _checked(tomllib.loads(text))
    except ValueError as error:  # TOMLDecodeError, and the digit limit of int()
        message = str(error)
    except RecursionError:
        message = "nested too deeply"
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if place is None:
        raise ValueError(f"{path}: not TOML: {message}")
    end = (text.count("\n") + 1, len(text) - text.rfind("\n"))
    line, column = (place[1], place[2]) if place[1] else end
    reason = message[: place.start()]
    advice = _escape_advice(reason, text.split("\n")[int(line) - 1])
    raise ValueError(f"{path}:{line}:{column}: not TOML: {reason}{advice}")


def _escape_advice(reason: str, text: str) -> str:
    """Advice where the reason may be the backslashes of a Windows path; nothing for other reasons."""
    value = _WITH_BACKSLASH.search(text)
    return f"; {path_advice(value[1])}" if value and _OF_ESCAPES.match(reason) else ""


def path_advice(value: str) -> str:
    """How to write a Windows path, given its text in the file, or the value that TOML made of it."""
    path = value.translate(_CONTROLS)
    example = path if path.isprintable() and "'" not in path else r"C:\new\train.tsv"
    return (
        f"in double quotes a backslash begins an escape: write a Windows path in single quotes, '{example}', or with /"
    )


def has_controls(text: str) -> bool:
    """Whether a text has control characters, as a path has whose backslashes were escapes: `C:\\new` in double quotes."""
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _located(value: Any, path: KeyPath, lines: Mapping[KeyPath, int]) -> Any:
    """The same value, of tables that know the lines of their keys."""
    if isinstance(value, list):
        return [_located(item, (*path, index), lines) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    table = Tree({key: _located(item, (*path, key), lines) for key, item in value.items()})
    table.lines = {key: lines[*path, key] for key in value if (*path, key) in lines}
    table.line = lines.get(path)
    return table


def _checked(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree. ValueError where it is so deep that nothing could go through it: dotted keys nest without end."""
    level: list[Any] = [tree]
    for _ in range(_DEEPEST):
        level = [item for value in level for item in (value.values() if isinstance(value, dict) else value)]
        level = [value for value in level if isinstance(value, dict | list)]
        if not level:
            return tree
    raise ValueError(f"tables are nested more than {_DEEPEST} deep")


def override(tree: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """A new tree with `a.b=v` assigned, later ones last. Values are TOML; a bare word that is not TOML is a string.

        override({"training": {"steps": 5}}, ["training.steps=10", "task=translation"])
        ->  {"training": {"steps": 10}, "task": "translation"}

    Items of lists go by number (`data.train.0.weight=2`). Where a key of a part is set, the part's name becomes its
    `kind`.
    """
    result = _copy(tree)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not equals or not _KEY.fullmatch(key):
            raise ValueError(
                f"--set: expected KEY=VALUE with a dotted key, such as training.steps=1000, found {assignment!r}"
            )
        _assign(result, key, _value(key, text.strip()))
    return result


def assigned(values: Mapping[str, Any]) -> Tree:
    """A tree of values by dotted key: `assigned({"a.b": 1}) == {"a": {"b": 1}}`; items of lists become keys too."""
    tree = Tree()
    for key, value in values.items():
        _assign(tree, key, _copy_value(value))
    return tree


def assignment(key: str, value: Any) -> str:
    """An argument of `override`: `assignment("training.schedule", "cosine") == "training.schedule=cosine"`."""
    if value is None:
        return f"{key}=none"
    text = str(value) if isinstance(value, os.PathLike) else value
    bare = isinstance(text, str) and _WORD.fullmatch(text) and text not in ("true", "false", "inf", "nan")
    return f"{key}={text if bare else inline(text)}"


def only(tree: Mapping[str, Any], *keys: str) -> Tree:
    """The table without its other keys."""
    return Tree({key: value for key, value in tree.items() if key in keys}).like(tree)


def _copy(value: Mapping[str, Any]) -> Tree:
    return Tree({key: _copy_value(item) for key, item in value.items()}).like(value)


def _copy_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _copy(value)
    return [_copy_value(item) for item in value] if isinstance(value, list) else value


def _value(key: str, text: str) -> Any:
    if not text.isprintable():  # also half characters from bytes that are not UTF-8
        raise ValueError(f"--set: the value of {key} holds unprintable characters: {text!r}")
    try:
        return _copy_value(_checked(tomllib.loads(f"value = {text}"))["value"])
    except (ValueError, RecursionError) as error:
        if text.startswith(("[", "{", '"', "'")):
            reason = re.sub(r" \(at .*\)$", "", str(error))
            advice = _escape_advice(reason, text)
            raise ValueError(f"--set: the value of {key} is not TOML: {reason}: {text}{advice}") from None
        return text


def _assign(tree: Tree, key: str, value: Any) -> None:
    *path, last = key.split(".")
    at: Any = tree
    for depth, name in enumerate(path):
        below = at[_index(at, name, key)] if isinstance(at, list) else at.get(name, Tree())
        if isinstance(below, str):
            below = Tree(kind=below)
        if not isinstance(below, dict | list):
            raise ValueError(f"--set: {key} cannot be set, as {'.'.join(path[: depth + 1])} is not a table")
        if isinstance(at, list):
            at[_index(at, name, key)] = below
        else:
            if name not in at:
                at.overrides = at.overrides | {name}
            at[name] = below
        at = below
    if isinstance(at, list):
        at[_index(at, last, key)] = value
    else:
        at[last] = value
        at.overrides = at.overrides | {last}


def _index(items: list[Any], name: str, key: str) -> int:
    if name.isdecimal() and int(name) < len(items):
        return int(name)
    raise ValueError(f"--set: {key} must name an item of the list by its number, 0 to {len(items) - 1}, found {name!r}")


def dumps(tree: Mapping[str, Any]) -> str:
    """TOML text of a tree; `read` of it gives the tree back."""
    return tomli_w.dumps(tree)


def inline(value: Any) -> str:
    """A value on one line as TOML writes it, for messages and docs: `{ kind = "layer-norm", eps = 1e-06 }`."""
    if isinstance(value, Mapping):
        items = ", ".join(
            f"{key if _BARE.fullmatch(key) else inline(key)} = {inline(item)}" for key, item in value.items()
        )
        return f"{{ {items} }}" if items else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(inline(item) for item in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    return str(value)
