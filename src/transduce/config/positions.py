"""On which line of a TOML text each key stands, as Python's parser does not say."""

import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]

# a longer text gives no lines: the time grows with the square of the longest value's length
_MOST_LINES, _MOST_CHARACTERS = 500, 20_000


def lines_of_keys(text: str) -> dict[Path, int]:
    """The line, from 1, of every table and key of a TOML text; inside a value, the line where it begins.

    >>> lines_of_keys('[data]\\ntrain = [{ file = "a.tsv" }]')
    {('data',): 1, ('data', 'train'): 2, ('data', 'train', 0): 2, ('data', 'train', 0, 'file'): 2}
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > _MOST_LINES or len(text) > _MOST_CHARACTERS:
        return {}
    numbers: dict[Path, int] = {}
    newest: dict[Path, int] = {}
    table: Path = ()
    for number, statement in _statements(lines):
        header = lines[number - 1].lstrip().startswith("[")
        if header:
            table = _table(statement, newest)
        for path in (table[:end] for end in range(1, len(table) + 1)) if header else _paths(statement, table):
            numbers.setdefault(path, number)
    return numbers


def _statements(lines: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The first line and the tree of each header, and of each key with its value."""
    start = 0
    for end in range(1, len(lines) + 1):
        try:
            statement = tomllib.loads("\n".join(lines[start:end]))
        except ValueError:  # the value continues in the next line
            continue
        yield start + 1, statement
        start = end


def _table(header: dict[str, Any], newest: dict[Path, int]) -> Path:
    """The table that a header opens; `newest` has the number of the last item of each array of tables."""
    path: Path = ()
    below: Any = header
    while below:
        if isinstance(below, list):  # [[name]] begins another item
            newest[path] = newest.get(path, -1) + 1
            (below,) = below
        else:
            ((name, below),) = below.items()
            path = (*path, name)
        if path in newest and not isinstance(below, list):
            path = (*path, newest[path])
    return path


def _paths(value: Any, path: Path) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))
