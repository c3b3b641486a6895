"""Prepare: files of pairs -> tokenizers and token stores in `prepared/<digest>/`, made once for all runs that need
the same.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from transduce import config
from transduce.data.config import DataConfig
from transduce.data.encoding import PartWriter, encode, training_pairs
from transduce.data.report import origin_report, summary
from transduce.data.split import DEV, PARTS, TEST, TRAIN, Assignment, assign
from transduce.data.store import TokenStore
from transduce.data.survey import Origin, find_origins, survey
from transduce.files import replace_folder, tree_digest, verify_manifest, write_atomically, write_manifest
from transduce.text.config import TokenizerConfig
from transduce.text.pair import Tokenizers
from transduce.text.train import train

FORMAT = 1  # of a prepared folder, and of the rules that made it: raise it whenever either changes
NO_KEYS = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Prepared:
    """A prepared folder. `report` is its report.json: pairs and tokens of each part, everything dropped or changed,
    the files.
    """

    folder: Path
    report: dict[str, Any]
    reused: bool = False

    @cached_property
    def train(self) -> TokenStore:
        """The pairs to train on: columns source and target."""
        return TokenStore(self.folder / "train.arrow")

    @cached_property
    def dev(self) -> TokenStore | None:
        """The pairs to validate on, row N being line N of dev.jsonl; None if the run names none."""
        return TokenStore(self.folder / "dev.arrow") if "dev" in self.report["parts"] else None

    @cached_property
    def test(self) -> TokenStore | None:
        """The pairs for the final test, row N being line N of test.jsonl; None if the run names none."""
        return TokenStore(self.folder / "test.arrow") if "test" in self.report["parts"] else None

    @cached_property
    def tokenizers(self) -> Tokenizers:
        """Those of source and target."""
        return Tokenizers.load(self.folder, [entry.name for entry in self.folder.iterdir()])

    def texts(self, part: Literal["dev", "test"]) -> list[tuple[str, list[str]]]:
        """Each distinct source of a part with all its different targets, in the order of the files.

        >>> prepared.texts("dev")
        [('read', ['R IY D', 'R EH D']), ('house', ['HH AW S'])]
        """
        references: dict[str, dict[str, None]] = {}
        with (self.folder / f"{part}.jsonl").open(encoding="utf-8", newline="\n") as stream:
            for line in stream:
                pair = json.loads(line)
                references.setdefault(pair["source"], {})[pair["target"]] = None
        return [(source, list(targets)) for source, targets in references.items()]

    def summary(self) -> list[str]:
        """The report as lines to print."""
        return [*summary(self.report), f"{self.folder}: {'there already' if self.reused else 'written'}"]


def prepare(
    data: DataConfig, tokenizer: TokenizerConfig, seed: int, base: Path, root: Path = Path("prepared")
) -> Prepared:
    """Read, check, split and encode the pairs into `root/<digest>/`, or find them there from an earlier run.

    `base` is the folder that relative paths of `data` start from (the run file's). The digest covers the settings,
    the content of the files and, only where more lines are there than the tokenizer learns from, the seed that draws
    those. A folder appears as a whole or not at all; a damaged one is made again. ValueError names file and line of
    what is wrong with the input.
    """
    origins = find_origins(data, base)
    identity = _identity(data, tokenizer, seed, origins)
    digest = tree_digest(identity)
    folder = root / digest[:16]
    if report := _found(folder, digest):
        return Prepared(folder, report, reused=True)
    with replace_folder(folder) as draft:
        report = _build(draft, data, tokenizer, seed, origins)
        write_atomically(draft / "report.json", json.dumps({**report, "identity": identity}, indent=1) + "\n")
        write_manifest(draft, FORMAT, identity=digest)
    return Prepared(folder, {**report, "identity": identity})


def _identity(data: DataConfig, tokenizer: TokenizerConfig, seed: int, origins: dict[str, Origin]) -> dict[str, Any]:
    """Everything that the prepared folder depends on."""
    settings = {key: value for key, value in config.tree_of(data).items() if key not in ("train", "dev", "test")}
    sampled = origins["train"].lines > _pairs_to_learn_from(tokenizer)
    return {
        "format": FORMAT,
        "data": settings,
        "files": {name: origin.content() for name, origin in origins.items()},
        "tokenizer": config.tree_of(tokenizer),
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
    folder: Path, data: DataConfig, tokenizer: TokenizerConfig, seed: int, origins: dict[str, Origin]
) -> dict[str, Any]:
    """Write everything but report and manifest into `folder`; the report."""
    by_group = data.split is not None and data.split.by == "group"
    surveys = {name: survey(origin, by_group and name == "train") for name, origin in origins.items()}
    keys = {name: found.sources for name, found in surveys.items()}
    assignment = assign(
        keys["train"], surveys["train"].groups, keys.get("dev", NO_KEYS), keys.get("test", NO_KEYS), data.split
    )
    tokenizers = _learn(tokenizer, seed, origins["train"], assignment)
    tokenizers.save(folder)
    parts = _encode(folder, data, origins, assignment, tokenizers)
    return {
        "parts": parts,
        "tokenizer": {"shared": tokenizer.shared, "source": tokenizers.source.size, "target": tokenizers.target.size},
        "origins": {name: origin_report(origin) for name, origin in origins.items()},
    }


def _pairs_to_learn_from(tokenizer: TokenizerConfig) -> int:
    """Pairs that give as many lines as a tokenizer learns from: a shared one takes two of each pair."""
    return max(1, tokenizer.sample // 2) if tokenizer.shared else tokenizer.sample


def _learn(tokenizer: TokenizerConfig, seed: int, origin: Origin, assignment: Assignment) -> Tokenizers:
    """Train the tokenizers, on the train part alone."""

    def lines(*sides: Literal["source", "target"]) -> Iterator[str]:
        pairs = origin.read(f"learning {' and '.join(sides)} tokens from")
        for pair in training_pairs(pairs, assignment.train, _pairs_to_learn_from(tokenizer), seed):
            for side in sides:
                yield getattr(pair, side)

    if tokenizer.shared:
        shared = train(lines("source", "target"), tokenizer.side("source"), tokenizer)
        return Tokenizers(shared, shared)
    source = train(lines("source"), tokenizer.side("source"), tokenizer)
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
