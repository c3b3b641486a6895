"""JSON Lines: an object on each line.

    {"source": "one", "target": "eins", "group": "numbers", "tag": "de formal"}

The keys are the columns of the task; a corpus's `columns` maps other names. A label may be a number, true or false. `group` and
`tag` may be missing or null; the tags may be a list of strings, and then also be called `tags`. Other keys are ignored. A
line break inside a string becomes one space, unless its column keeps them.
"""

import json
import math
import re
import shlex
from pathlib import Path
from typing import Any

from transduce.data.findings import Findings
from transduce.data.formats.conversion import HEAD, command
from transduce.data.formats.layout import Layout
from transduce.data.formats.lines import BYTE_ORDER_MARK, CORRECT, BadLine, open_text
from transduce.data.records import Record, shortened
from transduce.text.tags import names_in, tags_of_source

SURROGATE = re.compile("[\ud800-\udfff]")
LINE_BREAK = re.compile("\r?\n")
MISSING = "missing key"
MOST_LISTED = 300  # characters of the keys of an object, in messages

Object = dict[str, Any]


class _InvalidObject(Exception):
    """Reason and detail of an invalid object."""


def refuse_array(path: Path) -> None:
    """ValueError for a file that is one JSON array, with the command that converts it."""
    with open_text(path) as stream:
        if not stream.peek(HEAD).removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"["):
            return
    script = "import json, sys; [print(json.dumps(each)) for each in json.load(sys.stdin)]"
    conversion = command(str(path), f"python3 -c {shlex.quote(script)}")
    raise ValueError(f"{path}: is a JSON array, expected an object on each line; convert it: {conversion}")


def parse(line: str, where: str, layout: Layout, findings: Findings) -> Record | BadLine:
    """The record on a line, or a BadLine."""
    try:
        tree = json.loads(line)
    except json.JSONDecodeError as error:
        return BadLine(where, "not JSON", f"{error.msg} at column {error.colno}")
    except (ValueError, RecursionError):  # a number of thousands of digits; thousands of nested brackets
        return BadLine(where, "not JSON", "too large a number or too deeply nested")
    if not isinstance(tree, dict):
        keys = " and ".join(layout.names.values())
        return BadLine(where, "not a JSON object", f"expected {keys} as keys, found {_type(tree)}")
    try:
        values = {name: _text(tree, key, number=name in layout.numbers) for name, key in layout.names.items()}
        group, tags = _group(tree, layout), _tags(tree, layout)
    except _InvalidObject as error:
        reason, detail = error.args
        if reason == MISSING:
            return BadLine(where, reason, detail, advice=f"name the keys, {layout.naming}; otherwise {CORRECT}")
        return BadLine(where, reason, detail)
    if any("\n" in value for value in values.values()):
        for name, value in values.items():
            values[name] = LINE_BREAK.sub("\n" if name in layout.multiline else " ", value)
        if values.keys() - layout.multiline:
            findings.noted.add("line break in a JSON string became a space", where)
    return Record(values, where, LINE_BREAK.sub(" ", group), tags)


def _group(tree: Object, layout: Layout) -> str:
    if layout.group is None:
        return _optional_text(tree, "group", "group", "a string")
    return _text(tree, layout.group, null=True) if layout.group else ""


def _tags(tree: Object, layout: Layout) -> tuple[str, ...]:
    if layout.tag == "":
        return ()
    key = layout.tag or ("tags" if "tag" not in tree and "tags" in tree else "tag")
    value = tree.get(key)
    try:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return tags_of_source(value)
        if layout.tag is not None:
            return names_in(_text(tree, key, null=True))
        return names_in(_optional_text(tree, key, "tag", "a string or a list of strings"))
    except ValueError as error:
        raise _InvalidObject("not a tag", f'{error}; columns = {{ tag = "" }} reads none') from None


def _optional_text(tree: Object, key: str, column: str, expected: str) -> str:
    """The string at a key that the settings do not name; "" if it is missing or null."""
    value = tree.get(key)
    if value is not None and not isinstance(value, str):
        advice = f'if it is something else, columns = {{ {column} = "" }} reads none'
        raise _InvalidObject("wrong type", f'"{key}" must be {expected}, found {_type(value)}; {advice}')
    return "" if value is None else _text(tree, key)


def _text(tree: Object, key: str, null: bool = False, number: bool = False) -> str:
    """The string at a key; "" for null if allowed; a finite number, true or false, if allowed, as JSON spells it."""
    if key not in tree:
        keys = shortened(", ".join(f'"{each}"' for each in tree), MOST_LISTED) or "none"
        raise _InvalidObject(MISSING, f'no "{key}"; the keys are {keys}')
    value = tree[key]
    if value is None and null:
        return ""
    if number and isinstance(value, int | float):
        if value in (math.inf, -math.inf) or value != value:
            raise _InvalidObject(
                "not a label", f'"{key}" is {json.dumps(value)}, which stands for no value; give a label'
            )
        return json.dumps(value)
    if not isinstance(value, str):
        raise _InvalidObject("wrong type", f'"{key}" must be a string, found {_type(value)}')
    if "\0" in value or SURROGATE.search(value):
        raise _InvalidObject("not text", f'"{key}" has NUL or half of a surrogate pair')
    return value


def _type(value: Any) -> str:
    names = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
