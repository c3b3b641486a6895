"""The tokenizers of an earlier preparation of the same records, which a later run keeps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transduce.files import verify_manifest
from transduce.workflows.prepare.run import FORMAT, Plan

OTHER = ("tokenizer", "seed")  # of an identity: the rest says which records, columns and tags there are


@dataclass(frozen=True)
class Earlier:
    """A prepared folder, and the table [tokenizer] with which it was made."""

    folder: Path
    tokenizer: Mapping[str, Any]


def earlier_preparation(plan: Plan) -> Earlier | None:
    """The newest whole preparation of the plan's records, whatever its tokenizers; None if there is none."""
    wanted = {key: value for key, value in plan.identity.items() if key not in OTHER}
    wanted = json.loads(json.dumps(wanted))
    reports = sorted(plan.root.glob("*/report.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for report in reports:
        try:
            verify_manifest(report.parent, FORMAT, required=["report.json", "train.arrow"])
            identity = json.loads(report.read_bytes())["identity"]
        except (ValueError, KeyError, OSError):
            continue
        if {key: value for key, value in identity.items() if key not in OTHER} == wanted and identity["tokenizer"]:
            return Earlier(report.parent, identity["tokenizer"])
    return None
