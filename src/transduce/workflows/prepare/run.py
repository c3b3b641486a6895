"""Prepare: files of pairs -> tokenizers and token stores in `prepared/<digest>/`, made once for all runs that need
the same.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool

from transduce import config
from transduce.data import overlap
from transduce.data.assignment import Decision, decide
from transduce.data.config import DataConfig
from transduce.data.encoding import PartWriter, encode, training_pairs
from transduce.data.fates import PARTS, TRAIN
from transduce.data.prepared import Prepared
from transduce.data.report import origin_report
from transduce.data.scan import Origin, find_origins, survey
from transduce.data.split import Assignment
from transduce.data.tally import Findings
from transduce.files import (
    remove_leftovers,
    replace_folder,
    tree_digest,
    verify_manifest,
    write_atomically,
    write_manifest,
)
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import VocabularyError, train
from transduce.text.pair import Tokenizers
from transduce.text.tags import advice

__all__ = ["Plan", "Prepared", "carry_out", "plan", "prepare"]

FORMAT = 7  # of a prepared folder, and of the rules that made it: raise it whenever either changes
SIDES: tuple[Literal["source", "target"], ...] = ("source", "target")


@dataclass(frozen=True)
class Plan:
    """What is to be prepared, and in which folder, before any of it is done. Tokenizers in place of their settings are those
    of a model to go on with.
    """

    data: DataConfig
    tokenizer: TokenizerConfig | Tokenizers
    seed: int
    root: Path
    origins: dict[str, Origin]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that the prepared folder depends on."""
        settings = {
            key: value for key, value in config.tree_of(self.data).items() if key not in ("train", "dev", "test")
        }
        own, lines = self.tokenizer, self.origins["train"].lines
        sampled = not isinstance(own, Tokenizers) and lines > _pairs_to_learn_from(own)
        return {
            "format": FORMAT,
            "data": settings,
            "files": {name: origin.content() for name, origin in self.origins.items()},
            "tokenizer": own.sha256() if isinstance(own, Tokenizers) else config.tree_of(own),
            "seed": self.seed if sampled else None,
        }

    @cached_property
    def digest(self) -> str:
        return tree_digest(self.identity)

    @property
    def folder(self) -> Path:
        return self.root / self.digest[:16]


def prepare(
    data: DataConfig,
    tokenizer: TokenizerConfig,
    seed: int,
    base: Path,
    root: Path = Path("prepared"),
    tokenizers: Tokenizers | None = None,
    origins: Mapping[str, Origin] | None = None,
) -> Prepared:
    """Read, check, split and encode the pairs into `root/<digest>/`, or find them there from an earlier run.

    `base` is the folder that relative paths of `data` start from (the run file's). Where `tokenizers` are given, of a
    model to go on with, they are used as they are, and `tokenizer` says nothing. The digest covers the settings, the
    content of the files, the tokenizers given and, only where more lines are there than a tokenizer learns from, the
    seed that draws those. A folder appears as a whole or not at all; a damaged one is made again. ValueError names file
    and line of what is wrong with the input.
    """
    return carry_out(plan(data, tokenizer, seed, base, root, tokenizers, origins))


def plan(
    data: DataConfig,
    tokenizer: TokenizerConfig,
    seed: int,
    base: Path,
    root: Path = Path("prepared"),
    tokenizers: Tokenizers | None = None,
    origins: Mapping[str, Origin] | None = None,
) -> Plan:
    """What `prepare` would make: for that, the files are counted and hashed, but no pair is read. `origins` are those files
    where that has been done before.
    """
    if tokenizers is not None:
        _require_known_tags(data, tokenizers)
    if origins is None:
        origins = find_origins(data, base)
    unread = {name: replace(origin, findings=Findings()) for name, origin in origins.items()}
    return Plan(data, tokenizer if tokenizers is None else tokenizers, seed, root, unread)


def carry_out(plan: Plan) -> Prepared:
    """What was planned, made now or found from an earlier run."""
    if report := _found(plan.folder, plan.digest):
        return Prepared(plan.folder, report, reused=True)
    remove_leftovers(plan.root)
    with replace_folder(plan.folder) as draft:
        report = _build(draft, plan.data, plan.tokenizer, plan.seed, plan.origins)
        for file in chain.from_iterable(origin.files for origin in plan.origins.values()):
            file.require_unchanged()  # each was read several times, and the folder bears the name of its first content
        report = {**report, "identity": plan.identity}
        write_atomically(draft / "report.json", json.dumps(report, indent=1) + "\n")
        write_manifest(draft, FORMAT, identity=plan.digest)
    return Prepared(plan.folder, report)


def _require_known_tags(data: DataConfig, tokenizers: Tokenizers) -> None:
    """ValueError for a tag of a whole corpus that the model to go on with has not learnt."""
    for key, corpora in (("train", data.train), ("dev", (data.dev,)), ("test", (data.test,))):
        for name in (name for corpus in corpora if corpus is not None for name in corpus.tags):
            if name not in tokenizers.tags:
                known = advice(tokenizers.tags, name)
                raise ValueError(f"data.{key}: tag = {name!r} is unknown: the model has not learnt it; {known}")


def _found(folder: Path, digest: str) -> dict[str, Any] | None:
    """The report of an earlier, undamaged preparation; None if there is none."""
    try:
        manifest = verify_manifest(folder, FORMAT, required=["report.json", "train.arrow"])
        report = json.loads((folder / "report.json").read_bytes())
    except ValueError:
        return None
    return report if manifest.get("identity") == digest else None


def _build(
    folder: Path, data: DataConfig, tokenizer: TokenizerConfig | Tokenizers, seed: int, origins: dict[str, Origin]
) -> dict[str, Any]:
    """Write everything but report and manifest into `folder`; the report."""
    by_group = data.split is not None and data.split.by == "group"
    surveys = {"train": survey(origins["train"], data.clean, by_group)}
    surveys |= {name: survey(origin) for name, origin in origins.items() if name != "train"}
    decision = decide(surveys, data.split, tokenizer.tags if isinstance(tokenizer, Tokenizers) else None)
    corpora, sources = surveys["train"].corpora, surveys["train"].sources
    surveys.clear()  # hundreds of megabytes where there are millions of pairs
    if isinstance(tokenizer, Tokenizers):
        tokenizers, asked = tokenizer, None
    else:
        tokenizers, asked = _learn(tokenizer, seed, origins["train"], decision), tokenizer
    tokenizers.save(folder)
    parts, written = _encode(folder, data, origins, decision.assignment, tokenizers)
    overlap.write(folder, sources[written])
    return {
        "warnings": decision.warnings,
        "parts": parts,
        "corpora": [int(np.count_nonzero(part)) for part in np.split(written, np.cumsum(corpora)[:-1])],
        "overlap": {found.part: {"sources": found.sources, "in_train": found.in_train} for found in decision.overlaps},
        "tokenizer": _tokenizer_report(tokenizers, asked),
        "tags": list(decision.tags),
        "origins": {name: origin_report(origin) for name, origin in origins.items()},
    }


def _pairs_to_learn_from(tokenizer: TokenizerConfig) -> int:
    """Pairs that give as many lines as a tokenizer learns from: a shared one takes two of each pair."""
    return max(1, tokenizer.sample // 2) if tokenizer.shared else tokenizer.sample


def _learn(tokenizer: TokenizerConfig, seed: int, origin: Origin, decision: Decision) -> Tokenizers:
    """Train the tokenizers, on the train part alone; that of the sources gets the tags."""
    fates, tags = decision.assignment.train, decision.tags

    def lines(*sides: Literal["source", "target"]) -> Iterator[str]:
        pairs = origin.read(f"learning {' and '.join(sides)} tokens from")
        for pair in training_pairs(pairs, fates, _pairs_to_learn_from(tokenizer), seed):
            for side in sides:
                yield getattr(pair, side)

    if tokenizer.shared:
        with _key_named("tokenizer"):
            shared = train(lines("source", "target"), tokenizer.side("source"), tokenizer, tags)
        return Tokenizers(shared, shared)
    with _key_named("tokenizer" if tokenizer.source is None else "tokenizer.source", "the sources"):
        source = train(lines("source"), tokenizer.side("source"), tokenizer, tags)
    with _key_named("tokenizer" if tokenizer.target is None else "tokenizer.target", "the targets"):
        target = train(lines("target"), tokenizer.side("target"), tokenizer)
    return Tokenizers(source, target)


@contextmanager
def _key_named(table: str, side: str = "") -> Iterator[None]:
    """Says of which table, and for which side, a vocabulary does not suit the text."""
    try:
        yield
    except VocabularyError as error:
        raise ValueError(f"[{table}] {error}" + (f" (of {side})" if side else "")) from None


def _encode(
    folder: Path,
    data: DataConfig,
    origins: dict[str, Origin],
    assignment: Assignment,
    tokenizers: Tokenizers,
) -> tuple[dict[str, dict[str, int]], Bool[np.ndarray, " N"]]:
    """Write the stores and texts of every part; pairs and tokens of each, and which pairs of the train files are trained
    on. ValueError if nothing of a part is short enough.
    """
    with ExitStack() as stack:
        parts = [part for part in PARTS if assignment.pairs(part)]
        writers = {part: stack.enter_context(PartWriter(folder, PARTS[part], texts=part != TRAIN)) for part in parts}
        written = {}
        for name, origin in origins.items():
            fates, pairs = getattr(assignment, name), origin.read("encoding")
            written[name] = encode(pairs, fates, tokenizers, data.clean, writers, origin.findings.dropped)
    for part, writer in writers.items():
        if writer.store.rows == 0:
            origin = origins.get(PARTS[part], origins["train"])
            raise ValueError(
                f"no {PARTS[part]} pairs are left (left out: {origin.findings.dropped}); data.clean.max-length, now "
                f"{data.clean.max_length}, and data.clean.max-ratio say how many tokens are too many"
            )
    found = {
        PARTS[part]: {
            "pairs": writer.store.rows,
            "source_tokens": writer.store.tokens["source"],
            "target_tokens": writer.store.tokens["target"],
        }
        for part, writer in writers.items()
    }
    return found, written["train"] & (assignment.train == TRAIN)


def _tokenizer_report(tokenizers: Tokenizers, asked: TokenizerConfig | None) -> dict[str, Any]:
    """Sizes, and the sizes asked for where they were learnt here."""
    found = {"shared": tokenizers.shared, "source": tokenizers.source.size, "target": tokenizers.target.size}
    if asked is None:
        return found
    return {**found, "wanted": {name: asked.side(name).vocabulary for name in SIDES}}
