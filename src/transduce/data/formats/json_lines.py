"""JSON Lines: an object on each line.

    {"source": "one", "target": "eins", "group": "numbers", "tag": "de formal"}

A corpus's `columns` names other keys. `group` and `tag` may be missing or null; the tags may be a list of strings, and
then also be called `tags`. Other keys are ignored.
"""

import json
import re
from typing import Any

from transduce.data.config import Columns
from transduce.data.formats.lines import BadLine
from transduce.data.records import Example, tags_of
from transduce.data.tally import Findings
from transduce.text.tags import checked

SURROGATE = re.compile("[\ud800-\udfff]")
LINE_BREAK = re.compile("\r?\n")

Record = dict[str, Any]


class _Wrong(Exception):
    """What is wrong with a record: reason and detail."""


def parse(line: str, where: str, columns: Columns, findings: Findings) -> Example | BadLine:
    """The example on a line, or what is wrong with it."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return BadLine(where, "not JSON", f"{error.msg} at column {error.colno}")
    except (ValueError, RecursionError):  # a number of thousands of digits; thousands of nested brackets
        return BadLine(where, "not JSON", "too large a number or too deeply nested")
    if not isinstance(record, dict):
        detail = f"expected {columns.source} and {columns.target} as keys, found {_type(record)}"
        return BadLine(where, "not a JSON object", detail)
    try:
        source, target = _text(record, columns.source), _text(record, columns.target)
        group, tags = _group(record, columns), _tags(record, columns)
    except _Wrong as wrong:
        return BadLine(where, *wrong.args)
    if "\n" in source or "\n" in target or "\n" in group:
        source, target, group = (LINE_BREAK.sub(" ", text) for text in (source, target, group))
        findings.noted.add("line break in a JSON string became a space", where)
    return Example(source, target, group, where, tags)


def _group(record: Record, columns: Columns) -> str:
    if columns.group is None:
        return _optional_text(record, "group", "group", "a string")
    return _text(record, columns.group, null=True) if columns.group else ""


def _tags(record: Record, columns: Columns) -> tuple[str, ...]:
    if columns.tag == "":
        return ()
    key = columns.tag or ("tags" if "tag" not in record and "tags" in record else "tag")
    value = record.get(key)
    try:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return checked(value)
        if columns.tag is not None:
            return tags_of(_text(record, key, null=True))
        return tags_of(_optional_text(record, key, "tag", "a string or a list of strings"))
    except ValueError as error:
        raise _Wrong("not a tag", f'{error}; columns = {{ tag = "" }} reads none') from None


def _optional_text(record: Record, key: str, column: str, expected: str) -> str:
    """The string at a key that nobody asked for; "" where it is missing or null."""
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        advice = f'if it is something else, columns = {{ {column} = "" }} reads none'
        raise _Wrong("wrong type", f'"{key}" must be {expected}, found {_type(value)}; {advice}')
    return "" if value is None else _text(record, key)


def _text(record: Record, key: str, null: bool = False) -> str:
    """The string at a key; "" where it is null and may be."""
    if key not in record:
        raise _Wrong("missing key", f'no "{key}"')
    value = record[key]
    if value is None and null:
        return ""
    if not isinstance(value, str):
        raise _Wrong("wrong type", f'"{key}" must be a string, found {_type(value)}')
    if "\0" in value or SURROGATE.search(value):
        raise _Wrong("not text", f'"{key}" holds NUL or half of a surrogate pair')
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
