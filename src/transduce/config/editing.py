"""Changes to the text of a TOML file that leave its comments, its order and its line ends as they are."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from transduce.config.positions import lines_of_keys
from transduce.config.toml import inline

# `key = value  # comment` with a value that has no parts: its text is the second group
_SETTING = re.compile(r"""([^=#"']+=[ \t]*)("[^"\\]*"|'[^']*'|[^\s#"'\[{]+)(\s*(?:#.*)?)""")


def edited(text: str, tree: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """The text with the values that `tree` has for the dotted `keys`, so that it parses to `tree`.

    >>> edited("beam = 4  # enough\\n", {"beam": 8, "alpha": 0.8}, ["beam", "alpha"])
    'beam = 8  # enough\\nalpha = 0.8\\n'

    None where the text must be written anew: a key has no line of its own, or `tree` differs in other keys too.
    """
    for key in keys:
        path = key.split(".")
        value = reduce(lambda table, name: table[name], path, tree)
        text = _with_value(text, path, inline(value))
    try:
        return text if tomllib.loads(text) == tree else None
    except ValueError:
        return None


def _with_value(text: str, path: Sequence[str], value: str) -> str:
    lines, end = text.split("\n"), "\r" if "\r\n" in text else ""
    numbers = lines_of_keys(text)
    if number := numbers.get(tuple(path)):
        if setting := _SETTING.fullmatch(lines[number - 1]):
            lines[number - 1] = f"{setting[1]}{value}{setting[3]}"
        return "\n".join(lines)
    headers = [place for place, line in enumerate(lines) if line.lstrip().startswith("[")]
    table = numbers.get(tuple(path[:-1]), 0)
    if table - 1 in headers:
        lines.insert(table, f"{path[-1]} = {value}{end}")
    else:
        _insert_at_top(lines, headers, f"{'.'.join(path)} = {value}", end)
    return "\n".join(lines)


def _insert_at_top(lines: list[str], headers: Sequence[int], setting: str, end: str) -> None:
    """Inserts a setting before the first header of a table and the comments above that header."""
    if not headers:
        last = lines.pop()
        lines += [last + end] if last else []
        lines += [setting + end, ""]
        return
    place = headers[0]
    while place and (not lines[place - 1].strip() or lines[place - 1].lstrip().startswith("#")):
        place -= 1
    lines.insert(place, setting + end)
