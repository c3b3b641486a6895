"""Prepare: files of records -> processors and token stores in `prepared/<digest>/`, made once for all runs that need
the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from transduce import config
from transduce.config import Parts
from transduce.data import overlap
from transduce.data.cleaning.rules import Clean
from transduce.data.columns import Column, Text
from transduce.data.config import DataConfig
from transduce.data.contradictions import contradiction_warnings
from transduce.data.encoding import encode
from transduce.data.findings import Findings
from transduce.data.formats.read import header_warnings
from transduce.data.part_assignment import decide
from transduce.data.prepared import Prepared
from transduce.data.processors import Processors
from transduce.data.record_keys import read_keys
from transduce.data.records import PARTS, RecordType, of_kind, plural
from transduce.data.report import label_warnings, length_warnings, origin_report, processors_report
from transduce.data.scan import Origin
from transduce.files import (
    remove_leftovers,
    replace_folder,
    tree_digest,
    verify_manifest,
    write_atomically,
    write_manifest,
)
from transduce.text.config import TokenizerConfig
from transduce.text.imported_tokenizer import read_files
from transduce.text.tags import advice
from transduce.text.tokenizer import Tokenizer
from transduce.workflows.advice import another_task_named
from transduce.workflows.prepare.learning import Learning, records_to_learn_from

__all__ = ["Plan", "Prepared", "imported_tokenizers", "prepare"]

FORMAT = 11  # of a prepared folder, and of the rules that made it: raise it whenever either changes


@dataclass(frozen=True)
class Plan:
    """What is to be prepared, and in which folder below `root`, before any of it is done: the files have been counted and
    hashed, but no record has been read.

    origins: the files of `data`. ready: processors of a model to start from and imported tokenizers, used as they are;
    those of other columns are learned as `tokenizer` says. parts: the caller's own, which the task may name.
    ValueError for settings that do not go together.
    """

    task: RecordType
    data: DataConfig
    tokenizer: TokenizerConfig
    seed: int
    root: Path
    origins: Mapping[str, Origin]
    ready: Processors = field(default_factory=Processors)
    parts: Parts = field(default_factory=dict)

    def __post_init__(self) -> None:
        task = self.task
        limits = [column.limit for column in task.columns.values() if isinstance(column, Text)]
        if not limits and self.data.clean.max_length != Clean.max_length:
            raise ValueError(f"data.clean.max-length is about texts, and task {task.name} has none: leave it out")
        if None not in limits and self.data.clean.max_length != Clean.max_length:
            raise ValueError(
                f"data.clean.max-length leaves out long {plural(task.unit)}, but task {task.name} cuts or splits them; "
                "leave it out"
            )
        if task.key in self.ready:
            _require_known_tags(self.data, self.ready.tags(task.key))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that the prepared folder depends on, but the code of the task: its name and settings stand for it.
        The seed counts only where more lines are there than a tokenizer learns from.
        """
        settings = {
            key: value for key, value in config.tree_of(self.data).items() if key not in ("train", "dev", "test")
        }
        learns, lines = any(name not in self.ready for name in of_kind(self.task, Text)), self.origins["train"].lines
        sampled = learns and lines > records_to_learn_from(self.task, self.tokenizer)
        sampled |= any(column.sample is not None and lines > column.sample for column in self.task.columns.values())
        return {
            "format": FORMAT,
            "task": {"name": self.task.name, **self._task_settings()},
            "columns": {name: _column_identity(column) for name, column in self.task.columns.items()},
            "data": settings,
            "files": {name: origin.content() for name, origin in self.origins.items()},
            "tokenizer": config.tree_of(self.tokenizer) if learns else None,
            "processors": self.ready.sha256(),
            "seed": self.seed if sampled else None,
        }

    def _task_settings(self) -> dict[str, Any]:
        """Those of the task that the prepared data depend on."""
        other = config.keys_where(type(self.task), lambda fact: fact.unprepared)
        return {key: value for key, value in config.tree_of(self.task, self.parts).items() if key not in other}

    @cached_property
    def digest(self) -> str:
        return tree_digest(self.identity)

    @property
    def folder(self) -> Path:
        return self.root / self.digest[:16]


def _column_identity(column: Column) -> dict[str, Any]:
    """What the store depends on: all but the special tokens that are asked of a tokenizer."""
    return {"kind": type(column).__name__, **{name: value for name, value in vars(column).items() if name != "roles"}}


def imported_tokenizers(task: RecordType, tokenizer: TokenizerConfig, base: Path) -> dict[str, Tokenizer]:
    """The tokenizers that [tokenizer] takes from files; their paths start at `base`."""
    roles = {name: column.roles for name, column in task.columns.items() if isinstance(column, Text)}
    return read_files(tokenizer, roles, base, f"task {task.name}")


def prepare(plan: Plan) -> Prepared:
    """Reads, checks, splits and encodes the records into the plan's folder, or finds them there from an earlier run.

    A folder appears as a whole or not at all; a damaged one is made again. ValueError names file and line of what is wrong
    with the input.
    """
    with suppress(ValueError):
        return Prepared(plan.folder, plan.task, read_report(plan.folder, plan.digest), reused=True)
    remove_leftovers(plan.root)
    corpora = chain.from_iterable(origin.corpora for origin in plan.origins.values())
    with replace_folder(plan.folder) as draft, another_task_named(plan.task, (corpus.file for corpus in corpora)):
        report = _build(draft, plan)
        for file in chain.from_iterable(origin.files for origin in plan.origins.values()):
            file.require_unchanged()  # each was read several times, and the folder bears the name of its first content
        report = {**report, "identity": plan.identity}
        write_atomically(draft / "report.json", json.dumps(report, indent=1) + "\n")
        write_manifest(draft, FORMAT, identity=plan.digest)
    return Prepared(plan.folder, plan.task, report)


def _require_known_tags(data: DataConfig, tags_of_model: Sequence[str]) -> None:
    """ValueError for a tag of a whole corpus that the model to start from has not learnt."""
    for key, corpora in (("train", data.train), ("dev", (data.dev,)), ("test", (data.test,))):
        for name in (name for corpus in corpora if corpus is not None for name in corpus.tags):
            if name not in tags_of_model:
                raise ValueError(
                    f"data.{key}: tag = {name!r} is unknown: the model has not learnt it; {advice(tags_of_model, name)}"
                )


def read_report(folder: Path, digest: str | None = None) -> dict[str, Any]:
    """The report of a whole, undamaged preparation. ValueError for anything else, and for one of another `digest`."""
    manifest = verify_manifest(folder, FORMAT, required=["report.json", "train.arrow"])
    if digest is not None and manifest.get("identity") != digest:
        raise ValueError(f"{folder}: is the preparation of other data or settings")
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return report


def _build(folder: Path, plan: Plan) -> dict[str, Any]:
    """Write everything but report and manifest into `folder`; the report."""
    findings = {name: Findings() for name in plan.origins}
    try:
        return _build_with(findings, folder, plan)
    except ValueError as error:
        if warnings := list(_reading_warnings(findings)):
            raise ValueError(f"{error}. The cause may be that {warnings[0]}") from error
        raise


def _reading_warnings(findings: Mapping[str, Findings]) -> Iterator[str]:
    """The warnings about the files as they are read."""
    for each in findings.values():
        yield from header_warnings(each)
        yield from each.warnings


def _build_with(findings: Mapping[str, Findings], folder: Path, plan: Plan) -> dict[str, Any]:
    """The same; `findings` get what is noted of the records of each origin."""
    task, data, origins = plan.task, plan.data, plan.origins
    split_by = None if data.split is None else data.split.by
    records = {"train": read_keys(origins["train"], findings["train"], data.clean, split_by)}
    records |= {name: read_keys(origin, findings[name]) for name, origin in origins.items() if name != "train"}
    known_tags = plan.ready.tags(task.key) if task.key in plan.ready else None
    decision = decide(task, records, data.split, known_tags)
    keys = records["train"].keys
    contradictions = list(contradiction_warnings(origins["train"], records["train"], decision.assignment.train))
    records.clear()  # hundreds of megabytes where there are millions of records
    processors = Learning(
        task, origins["train"], decision, plan.ready, plan.tokenizer, data.clean, plan.seed
    ).processors()
    processors.save(folder, task.columns)
    encoding = encode(folder, task, origins, decision.assignment, processors, data.clean, findings)
    overlap.write(folder, keys[encoding.train_mask])
    parts = {PARTS[part]: asdict(counts) for part, counts in encoding.parts.items()}
    return {
        "task": task.name,
        "unit": task.unit,
        "warnings": [
            *decision.warnings,
            *contradictions,
            *label_warnings(task, processors, findings),
            *length_warnings(task, data.clean, findings, {name: counts["records"] for name, counts in parts.items()}),
            *_reading_warnings(findings),
        ],
        "parts": parts,
        "corpora": encoding.corpora,
        "examples": encoding.examples,
        "overlap": {each.part: {"keys": each.keys, "in_train": each.in_train} for each in decision.overlaps},
        "processors": processors_report(processors, plan.ready, plan.tokenizer),
        "tags": list(decision.tags),
        "origins": {name: origin_report(origin, findings[name]) for name, origin in origins.items()},
    }
