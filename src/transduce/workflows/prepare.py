"""Prepare: files of pairs -> tokenizers and token stores in `prepared/<digest>/`, made once for all runs that need
the same.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from transduce import config
from transduce.data.config import DataConfig
from transduce.data.encoding import PartWriter, encode, training_pairs
from transduce.data.report import origin_report
from transduce.data.split import DEV, PARTS, STRANGE_TAG, TEST, TRAIN, Assignment, assign
from transduce.data.survey import Origin, Survey, find_origins, survey
from transduce.files import replace_folder, tree_digest, verify_manifest, write_atomically, write_manifest
from transduce.text.config import TokenizerConfig
from transduce.text.pair import Tokenizers
from transduce.text.train import train
from transduce.workflows.prepared import Prepared

__all__ = ["Prepared", "prepare"]

FORMAT = 2  # of a prepared folder, and of the rules that made it: raise it whenever either changes
NO_KEYS = np.zeros(0, np.uint64)


def prepare(
    data: DataConfig,
    tokenizer: TokenizerConfig,
    seed: int,
    base: Path,
    root: Path = Path("prepared"),
    tokenizers: Tokenizers | None = None,
) -> Prepared:
    """Read, check, split and encode the pairs into `root/<digest>/`, or find them there from an earlier run.

    `base` is the folder that relative paths of `data` start from (the run file's). Where `tokenizers` are given, of a
    model to go on with, they are used as they are, and `tokenizer` says nothing. The digest covers the settings, the
    content of the files, the tokenizers given and, only where more lines are there than a tokenizer learns from, the
    seed that draws those. A folder appears as a whole or not at all; a damaged one is made again. ValueError names file
    and line of what is wrong with the input.
    """
    origins = find_origins(data, base)
    learning = tokenizer if tokenizers is None else tokenizers
    identity = _identity(data, learning, seed, origins)
    digest = tree_digest(identity)
    folder = root / digest[:16]
    if report := _found(folder, digest):
        return Prepared(folder, report, reused=True)
    with replace_folder(folder) as draft:
        report = _build(draft, data, learning, seed, origins)
        write_atomically(draft / "report.json", json.dumps({**report, "identity": identity}, indent=1) + "\n")
        write_manifest(draft, FORMAT, identity=digest)
    return Prepared(folder, {**report, "identity": identity})


def _identity(
    data: DataConfig, tokenizer: TokenizerConfig | Tokenizers, seed: int, origins: dict[str, Origin]
) -> dict[str, Any]:
    """Everything that the prepared folder depends on."""
    settings = {key: value for key, value in config.tree_of(data).items() if key not in ("train", "dev", "test")}
    sampled = not isinstance(tokenizer, Tokenizers) and origins["train"].lines > _pairs_to_learn_from(tokenizer)
    return {
        "format": FORMAT,
        "data": settings,
        "files": {name: origin.content() for name, origin in origins.items()},
        "tokenizer": tokenizer.sha256() if isinstance(tokenizer, Tokenizers) else config.tree_of(tokenizer),
        "seed": seed if sampled else None,
    }


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
    surveys = {name: survey(origin, by_group and name == "train") for name, origin in origins.items()}
    keys = {name: found.sources for name, found in surveys.items()}
    assignment = assign(
        keys["train"], surveys["train"].groups, keys.get("dev", NO_KEYS), keys.get("test", NO_KEYS), data.split
    )
    tags, assignment = _with_known_tags(
        assignment, surveys, tokenizer.tags if isinstance(tokenizer, Tokenizers) else None
    )
    if isinstance(tokenizer, Tokenizers):
        tokenizers = tokenizer
    else:
        tokenizers = _learn(tokenizer, seed, origins["train"], assignment, tags)
    tokenizers.save(folder)
    parts = _encode(folder, data, origins, assignment, tokenizers)
    return {
        "parts": parts,
        "tokenizer": {"shared": tokenizers.shared, "source": tokenizers.source.size, "target": tokenizers.target.size},
        "tags": list(tags),
        "origins": {name: origin_report(origin) for name, origin in origins.items()},
    }


def _with_known_tags(
    assignment: Assignment, surveys: dict[str, Survey], given: tuple[str, ...] | None
) -> tuple[tuple[str, ...], Assignment]:
    """All tags that sources may have (those `given`, else those of train), and the assignment without pairs of others.

    ValueError for a pair of separate files, or one to train on, whose tag is none of them.
    """
    train = surveys["train"]
    learnt = train.tags[assignment.train == TRAIN]
    known = train.tag_sets.names(learnt) if given is None else given
    why = "no pair to train on has it" if given is None else "the model has not learnt it"
    train.tag_sets.require_known(learnt, known, why)
    for name, found in surveys.items():
        if name != "train":
            found.tag_sets.require_known(found.tags, known, why)
    strange = np.isin(assignment.train, (DEV, TEST)) & train.tag_sets.unknown(train.tags, known)
    return known, replace(assignment, train=np.where(strange, np.uint8(STRANGE_TAG), assignment.train))


def _pairs_to_learn_from(tokenizer: TokenizerConfig) -> int:
    """Pairs that give as many lines as a tokenizer learns from: a shared one takes two of each pair."""
    return max(1, tokenizer.sample // 2) if tokenizer.shared else tokenizer.sample


def _learn(
    tokenizer: TokenizerConfig, seed: int, origin: Origin, assignment: Assignment, tags: tuple[str, ...]
) -> Tokenizers:
    """Train the tokenizers, on the train part alone; that of the sources gets the tags."""

    def lines(*sides: Literal["source", "target"]) -> Iterator[str]:
        pairs = origin.read(f"learning {' and '.join(sides)} tokens from")
        for pair in training_pairs(pairs, assignment.train, _pairs_to_learn_from(tokenizer), seed):
            for side in sides:
                yield getattr(pair, side)

    if tokenizer.shared:
        shared = train(lines("source", "target"), tokenizer.side("source"), tokenizer, tags)
        return Tokenizers(shared, shared)
    source = train(lines("source"), tokenizer.side("source"), tokenizer, tags)
    return Tokenizers(source, train(lines("target"), tokenizer.side("target"), tokenizer))


def _encode(
    folder: Path,
    data: DataConfig,
    origins: dict[str, Origin],
    assignment: Assignment,
    tokenizers: Tokenizers,
) -> dict[str, dict[str, int]]:
    """Write the stores and texts of every part; pairs and tokens of each. ValueError if nothing of a part is short
    enough.
    """
    with ExitStack() as stack:
        parts = [part for part in (TRAIN, DEV, TEST) if assignment.pairs(part)]
        writers = {part: stack.enter_context(PartWriter(folder, PARTS[part], texts=part != TRAIN)) for part in parts}
        for name, origin in origins.items():
            codes = getattr(assignment, name)
            encode(origin.read("encoding"), codes, tokenizers, data.max_length, writers, origin.findings.dropped)
    for part, writer in writers.items():
        if writer.store.rows == 0:
            raise ValueError(
                f"every {PARTS[part]} pair has more than {data.max_length} tokens on a side; raise data.max-length"
            )
    return {
        PARTS[part]: {
            "pairs": writer.store.rows,
            "source_tokens": writer.store.tokens["source"],
            "target_tokens": writer.store.tokens["target"],
        }
        for part, writer in writers.items()
    }
