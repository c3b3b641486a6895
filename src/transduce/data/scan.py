"""First passes over the files: count and hash them, then reduce every pair to the 64-bit keys that the split is made
from.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from jaxtyping import UInt8, UInt16, UInt64

from transduce.data.cleaning.rules import Clean, rules, verdict
from transduce.data.config import Corpus, DataConfig
from transduce.data.formats.lines import FileFacts, LineRules, facts, require_equal_lines
from transduce.data.formats.read import examples, format_of
from transduce.data.records import Example
from transduce.data.split import group_key, source_key
from transduce.data.tag_sets import TagSets
from transduce.data.tally import Findings
from transduce.terminal import progress_bar

if TYPE_CHECKING:
    from tqdm import tqdm

BLOCK = 1000  # pairs that a progress bar is told of at once


@dataclass(frozen=True)
class Origin:
    """The files that a run names as train, dev or test, how to read them, and what reading them found.

    `facts[i]` belongs to `corpora[i]` and has as many entries as that has files.
    """

    name: str
    corpora: tuple[Corpus, ...]
    facts: tuple[tuple[FileFacts, ...], ...]
    rules: LineRules
    findings: Findings = field(default_factory=Findings)

    @property
    def counts(self) -> tuple[int, ...]:
        """Of each corpus, the lines of one side, a header aside: at least as many as there are pairs."""
        headers = (format_of(corpus) == ".csv" for corpus in self.corpora)
        return tuple(files[0].lines - header for files, header in zip(self.facts, headers, strict=True))

    @property
    def lines(self) -> int:
        """The same of all corpora."""
        return sum(self.counts)

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """Every file, in the order it is named."""
        return tuple(chain.from_iterable(self.facts))

    def content(self) -> list[dict[str, Any]]:
        """What the pairs depend on: formats, hashes, columns and tags. Not on paths: moved files are the same data; nor
        on weights, which are the loader's.
        """
        return [
            {
                "format": format_of(corpus),
                "sha256": [file.sha256 for file in files],
                "columns": vars(corpus.columns) if corpus.columns else None,
                "tags": list(corpus.tags),
            }
            for corpus, files in zip(self.corpora, self.facts, strict=True)
        ]

    def read(self, title: str, findings: Findings | None = None) -> Iterator[Example]:
        """All usable pairs in order, with a progress bar; `findings` is told what was met on the way, if given."""
        return chain.from_iterable(self.read_corpora(title, findings))

    def read_corpora(self, title: str, findings: Findings | None = None) -> Iterator[Iterator[Example]]:
        """The same, corpus by corpus."""
        found = Findings() if findings is None else findings
        with progress_bar("pair", self.lines, f"{title} {self.name}") as bar:
            for corpus in self.corpora:
                yield _heard(examples(corpus, self.rules, found), bar)


def _heard(pairs: Iterator[Example], bar: "tqdm[NoReturn]") -> Iterator[Example]:
    """The pairs, while the bar is told of them, a block at a time."""
    number = 0
    for number, pair in enumerate(pairs, 1):
        yield pair
        if number % BLOCK == 0:
            bar.update(BLOCK)
    bar.update(number % BLOCK)


def find_origins(data: DataConfig, base: Path) -> dict[str, Origin]:
    """Train, and dev and test where files are given for them, with every file counted and hashed.

    ValueError if a file is missing, empty, not text, of unknown format, or if aligned files have different numbers of
    lines.
    """
    given = {"train": data.train, "dev": (data.dev,) if data.dev else (), "test": (data.test,) if data.test else ()}
    resolved = {name: tuple(corpus.resolved(base) for corpus in corpora) for name, corpora in given.items() if corpora}
    everything = list(chain.from_iterable(resolved.values()))
    for corpus in everything:
        format_of(corpus)
    _require_files(resolved)
    known = _all_facts(dict.fromkeys(path for corpus in everything for path in corpus.paths))
    for corpus in everything:
        require_equal_lines([known[path] for path in corpus.paths])
    rules = LineRules(data.bad_lines, data.max_line_bytes, data.max_row_lines)
    return {
        name: Origin(name, corpora, tuple(tuple(known[path] for path in corpus.paths) for corpus in corpora), rules)
        for name, corpora in resolved.items()
    }


def _require_files(corpora: Mapping[str, Iterable[Corpus]]) -> None:
    for name, each in corpora.items():
        for path in chain.from_iterable(corpus.paths for corpus in each):
            if not path.exists():
                raise ValueError(f"{path}: no such file; data.{name} names it, and paths start at the run file")


def _all_facts(paths: Iterable[Path]) -> dict[Path, FileFacts]:
    paths = list(paths)
    size = sum(path.stat().st_size for path in paths if path.is_file())
    with progress_bar("B", size, "counting lines", scaled=True) as bar:
        return {path: facts(path, bar.update) for path in paths}


@dataclass(frozen=True)
class Survey:
    """What there is to know of an origin's pairs, in order.

    sources: keys of the sources.
    groups: keys of what a split keeps together: the sources again unless it is by group.
    pairs: keys of tags, source and target, where duplicates are looked for; else empty.
    tags: the number of each pair's tags in `tag_sets`.
    verdicts: TRAIN, or why a pair is not worth training on (fates.py).
    corpora: how many of the pairs come from each corpus.
    """

    sources: UInt64[np.ndarray, " N"]
    groups: UInt64[np.ndarray, " N"]
    pairs: UInt64[np.ndarray, " M"]
    tags: UInt16[np.ndarray, " N"]
    verdicts: UInt8[np.ndarray, " N"]
    corpora: tuple[int, ...]
    tag_sets: TagSets


def survey(origin: Origin, clean: Clean | None = None, by_group: bool = False) -> Survey:
    """Read every pair and keep at most 27 bytes of each; what is dropped or noted goes to the origin's findings.

    `clean`: the rules to judge the pairs by, none by default. ValueError if no pair is usable, or if one names no group
    where groups are asked for.
    """
    sources, groups, pairs, tags, verdicts = array("Q"), array("Q"), array("Q"), array("H"), array("B")
    tag_sets, ends = TagSets(), [0]
    active, duplicates = rules(clean) if clean else [], clean is not None and clean.drop_duplicates
    for corpus in origin.read_corpora("reading", origin.findings):
        for pair in corpus:
            sources.append(source_key(pair.source))
            tags.append(tag_sets.number(pair.tags, pair.where))
            verdicts.append(verdict(pair.source, pair.target, active))
            if duplicates:
                pairs.append(group_key("\n".join((*pair.tags, pair.source, pair.target))))
            if by_group:
                groups.append(_group_key(pair))
        ends.append(len(sources))
    if not sources:
        dropped = str(origin.findings.dropped)
        names = ", ".join(str(file.path) for file in origin.files)
        raise ValueError(f"{names}: no usable pair" + (f" (dropped: {dropped})" if dropped else ""))
    keys = np.frombuffer(sources, np.uint64)
    of_groups = np.frombuffer(groups, np.uint64) if by_group else keys
    return Survey(
        sources=keys,
        groups=of_groups,
        pairs=np.frombuffer(pairs, np.uint64),
        tags=np.frombuffer(tags, np.uint16),
        verdicts=np.frombuffer(verdicts, np.uint8),
        corpora=tuple(np.diff(ends).tolist()),
        tag_sets=tag_sets,
    )


def _group_key(pair: Example) -> int:
    if not (name := pair.group.strip()):
        raise ValueError(
            f'{pair.where}: this pair has no group in its group file or column; split.by = "group" needs one of every pair'
        )
    return group_key(name)
