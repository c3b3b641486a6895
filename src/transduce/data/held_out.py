"""The texts of the pairs that are held out, beside their token ids: `dev.jsonl`, `test.jsonl`."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transduce.data.records import Example


@dataclass(frozen=True)
class HeldOutText:
    """A source with all its different targets, in the order of the file; `group` is that of its first pair."""

    source: str
    references: list[str]
    tags: tuple[str, ...] = ()
    group: str = field(default="", compare=False)


def line_of(example: Example) -> str:
    """A pair as a line of such a file, without its end; what is empty is left out.

    >>> line_of(Example("one", "eins", "", "numbers.csv:2", ("de",)))
    '{"source": "one", "target": "eins", "tags": ["de"]}'
    """
    record: dict[str, Any] = {"source": example.source, "target": example.target}
    if example.tags:
        record["tags"] = list(example.tags)
    if example.group:
        record["group"] = example.group
    return json.dumps(record, ensure_ascii=False)


def read_held_out(path: Path) -> list[HeldOutText]:
    """One for each different source with its tags, in the order of the file."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}  # inner dicts as sets that keep the order
    groups: dict[tuple[str, tuple[str, ...]], str] = {}
    with path.open(encoding="utf-8", newline="\n") as stream:
        for line in stream:
            pair = json.loads(line)
            key = pair["source"], tuple(pair.get("tags", ()))
            found.setdefault(key, {})[pair["target"]] = None
            groups.setdefault(key, pair.get("group", ""))
    return [HeldOutText(key[0], list(targets), key[1], groups[key]) for key, targets in found.items()]
