"""Files -> examples. A corpus is two aligned files, or one file whose extension names its format.

    .tsv            source TAB target [TAB group]      a tab is a column's end; there is no quoting
    .jsonl .ndjson  {"source": ..., "target": ..., "group": ...}      group may be missing, other keys are ignored

Stated rules, each counted in the report: blank lines of these two formats are skipped; a line break inside a JSON
string becomes one space; a pair with nothing but white space on one side is dropped; control and bidirectional
characters are kept.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from transduce.data.config import Corpus
from transduce.data.reading import BadLine, LineRules, aligned, drop_or_stop
from transduce.data.tally import Findings

CONTROL = re.compile("[\x01-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")  # all but the tab
BIDIRECTIONAL = re.compile(
    "[\u202a-\u202e\u2066-\u2069]"
)  # embeddings, overrides and isolates; plain marks are everyday text
SURROGATE = re.compile("[\ud800-\udfff]")
LINE_BREAK = re.compile("\r?\n")


class Example(NamedTuple):
    """One pair as its owner wrote it; `group` is empty where none is given, `where` is "file:line"."""

    source: str
    target: str
    group: str
    where: str


def examples(corpus: Corpus, rules: LineRules, findings: Findings) -> Iterator[Example]:
    """The usable pairs of a corpus, in file order; everything left out or changed is counted in `findings`.

    ValueError names file and line of what is wrong with the input.
    """
    for example in _pairs(corpus, rules, findings):
        if not (example.source and example.target) or example.source.isspace() or example.target.isspace():
            findings.dropped.add("empty side", example.where)
            continue
        for text in (example.source, example.target):
            if not text.isprintable():  # quick; the rest is rare
                _note_unusual(text, example.where, findings)
        yield example


def require_known_format(path: Path) -> None:
    """ValueError unless the extension of a one-file corpus names a format."""
    if path.suffix.lower() not in FORMATS:
        raise ValueError(
            f"{path}: unknown extension {path.suffix!r}; one file with both sides must end in {', '.join(FORMATS)}"
            " (two aligned files are given as source and target)"
        )


def _pairs(corpus: Corpus, rules: LineRules, findings: Findings) -> Iterator[Example]:
    if corpus.file is None:
        assert corpus.source is not None
        name = str(corpus.source)
        for number, (source, target, *group) in aligned(corpus.paths, rules, findings):
            yield Example(source, target, group[0] if group else "", f"{name}:{number}")
        return
    require_known_format(corpus.file)
    parse = FORMATS[corpus.file.suffix.lower()]
    name = str(corpus.file)
    for number, (line,) in aligned(corpus.paths, rules, findings):
        where = f"{name}:{number}"
        if not line.strip(" "):
            findings.noted.add("blank line skipped", where)
            continue
        example = parse(line, where, findings)
        if isinstance(example, BadLine):
            drop_or_stop(example, rules, findings)
        else:
            yield example


def _from_tsv(line: str, where: str, findings: Findings) -> Example | BadLine:
    columns = line.split("\t")
    if len(columns) not in (2, 3):
        found = "1 column" if len(columns) == 1 else f"{len(columns)} columns"
        return BadLine(where, "wrong number of columns", f"expected source TAB target [TAB group], found {found}")
    return Example(columns[0], columns[1], columns[2] if len(columns) == 3 else "", where)


def _from_json(line: str, where: str, findings: Findings) -> Example | BadLine:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return BadLine(where, "not JSON", f"{error.msg} at column {error.colno}")
    except (ValueError, RecursionError):  # a number of thousands of digits; thousands of nested brackets
        return BadLine(where, "not JSON", "too large a number or too deeply nested")
    if not isinstance(record, dict):
        return BadLine(where, "not a JSON object", f"expected source and target as keys, found {_json_type(record)}")
    fields = {}
    for key in ("source", "target", "group"):
        if key not in record and key != "group":
            return BadLine(where, "missing key", f'no "{key}"')
        value = record.get(key, "")
        if not isinstance(value, str):
            return BadLine(where, "wrong type", f'"{key}" must be a string, found {_json_type(value)}')
        if "\0" in value or SURROGATE.search(value):
            return BadLine(where, "not text", f'"{key}" holds NUL or half of a surrogate pair')
        fields[key] = LINE_BREAK.sub(" ", value)
        if "\n" in value:
            findings.noted.add("line break in a JSON string became a space", where)
    return Example(fields["source"], fields["target"], fields["group"], where)


def _json_type(value: Any) -> str:
    names = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")


def _note_unusual(text: str, where: str, findings: Findings) -> None:
    if CONTROL.search(text):
        findings.noted.add("control character kept", where)
    if BIDIRECTIONAL.search(text):
        findings.noted.add("bidirectional control character kept", where)


FORMATS: dict[str, Callable[[str, str, Findings], Example | BadLine]] = {
    ".tsv": _from_tsv,
    ".jsonl": _from_json,
    ".ndjson": _from_json,
}
