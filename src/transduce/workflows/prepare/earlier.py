"""The tokenizers of an earlier preparation of the same records, which a later run keeps."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transduce import config
from transduce.workflows.prepare.run import Plan, read_report

NOT_OF_RECORDS = ("tokenizer", "seed")  # keys of an identity; the others say which records, columns and tags there are


@dataclass(frozen=True)
class Earlier:
    """A prepared folder, and the keys of [tokenizer] in which it differs from a plan, with its values."""

    folder: Path
    differences: Mapping[str, Any]


def earlier_preparation(plan: Plan, open_keys: Collection[str]) -> Earlier | None:
    """The newest whole preparation of the plan's records with other tokenizers; None if there is none.

    open_keys: the keys of [tokenizer] that the run leaves open. One that differs in another key does not count.
    """
    records, own = _of_records(plan.identity), _plain(config.tree_of(plan.tokenizer))
    for report in _newest_first(plan.root):
        try:
            identity = json.loads(report.read_bytes())["identity"]
            tokenizer = identity["tokenizer"]
        except (ValueError, KeyError, OSError):
            continue
        if not tokenizer or _of_records(identity) != records:
            continue
        keys = [key for key in {**own, **tokenizer} if own.get(key) != tokenizer.get(key)]
        if {*keys} <= {*open_keys} and _is_whole(report.parent):
            return Earlier(report.parent, {key: tokenizer.get(key) for key in keys})
    return None


def _of_records(identity: Mapping[str, Any]) -> Any:
    return _plain({key: value for key, value in identity.items() if key not in NOT_OF_RECORDS})


def _plain(tree: Mapping[str, Any]) -> Any:
    """As a report has it."""
    return json.loads(json.dumps(tree))


def _newest_first(root: Path) -> list[Path]:
    """The reports of all prepared folders."""
    times: dict[Path, float] = {}
    for report in root.glob("[!.]*/report.json"):
        try:
            times[report] = report.stat().st_mtime
        except OSError:  # another process removes the folder
            continue
    return sorted(times, key=lambda report: times[report], reverse=True)


def _is_whole(folder: Path) -> bool:
    try:
        read_report(folder)
    except (ValueError, OSError):
        return False
    return True
