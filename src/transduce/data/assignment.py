"""From surveys to what becomes of every pair: split, overlap, cleaning, duplicates, tags, in this order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8, UInt64

from transduce.data.config import Split
from transduce.data.fates import DEV, DUPLICATE, PARTS, STRANGE_TAG, TEST, TRAIN
from transduce.data.scan import Survey
from transduce.data.split import Assignment, Keys, among, assign, repeats, require_pairs
from transduce.text.tags import shown

NO_KEYS = np.zeros(0, np.uint64)
SUSPICIOUS = 0.5  # share of a held-out file's sources in train, from which it is likely the wrong file


@dataclass(frozen=True)
class Overlap:
    """How many different sources the files of dev or test have, and how many of those the train files have too."""

    part: str
    sources: int
    in_train: int

    @property
    def warning(self) -> str | None:
        """What to say where so much overlap is hardly meant."""
        if self.in_train < SUSPICIOUS * self.sources:
            return None
        share = "every source" if self.in_train == self.sources else f"{self.in_train:,} of {self.sources:,} sources"
        return (
            f"{share} of the {self.part} files occurs in the train files too. The train pairs with these sources are "
            f"left out, so that the {self.part} set stays unseen; but are these the right files?"
        )


@dataclass(frozen=True)
class Untagged:
    """How many pairs of the files of dev or test have no tag, where every pair to train on has some; and which those are."""

    part: str
    pairs: int
    untagged: int
    tags: tuple[str, ...]

    @property
    def warning(self) -> str:
        """What to say of it."""
        return (
            f"{self.untagged:,} of {self.pairs:,} {self.part} pairs have no tag, but every pair to train on has one "
            f"({shown(self.tags)}): give tag in data.{self.part}, or a column of tags in its file"
        )


@dataclass(frozen=True)
class Decision:
    """The fate of every pair, the tags that sources may have, what dev and test files share with train, and the tags that
    they lack.
    """

    assignment: Assignment
    tags: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    untagged: tuple[Untagged, ...]

    @property
    def warnings(self) -> list[str]:
        """What is likely a mistake."""
        overlaps = [overlap.warning for overlap in self.overlaps if overlap.warning]
        return overlaps + [found.warning for found in self.untagged]


def decide(surveys: Mapping[str, Survey], split: Split | None, known_tags: tuple[str, ...] | None = None) -> Decision:
    """What becomes of the pairs of train and, where there are such files, of dev and test.

    `known_tags` are those of a model to go on with; by default they are those of train. ValueError if nothing is left
    of a part, or if a pair has a tag that is not known.
    """
    train = surveys["train"]
    held_out = {name: found.sources for name, found in surveys.items() if name != "train"}
    assignment = assign(train.sources, train.groups, held_out.get("dev", NO_KEYS), held_out.get("test", NO_KEYS), split)
    assignment = replace(assignment, train=_cleaned(assignment.train, train))
    require_pairs(assignment, split)
    tags = train.tag_sets.names(train.tags[assignment.train == TRAIN]) if known_tags is None else known_tags
    why = "no pair to train on has it" if known_tags is None else "the model has not learnt it"
    _require_known_tags(surveys, assignment, tags, why)
    strange = np.isin(assignment.train, (DEV, TEST)) & train.tag_sets.unknown(train.tags, tags)
    assignment = replace(assignment, train=np.where(strange, np.uint8(STRANGE_TAG), assignment.train))
    require_pairs(assignment, split)
    overlaps = (_overlap(part, train.sources, sources) for part, sources in held_out.items())
    return Decision(assignment, tags, tuple(overlaps), tuple(_untagged(surveys, assignment)))


def _cleaned(fates: UInt8[np.ndarray, " N"], train: Survey) -> UInt8[np.ndarray, " N"]:
    """The fates, with pairs to train on given up by their verdicts and, of equal ones, all but the first."""
    cleaned: UInt8[np.ndarray, " N"] = np.where(fates == TRAIN, train.verdicts, fates)
    if len(train.pairs):
        kept = cleaned == TRAIN
        cleaned[kept] = np.where(repeats(train.pairs[kept]), DUPLICATE, TRAIN)
    return cleaned


def _require_known_tags(surveys: Mapping[str, Survey], assignment: Assignment, tags: tuple[str, ...], why: str) -> None:
    for name, found in surveys.items():
        kept = np.isin(getattr(assignment, name), list(PARTS) if name != "train" else [TRAIN])
        found.tag_sets.require_known(found.tags[kept], tags, why)


def _untagged(surveys: Mapping[str, Survey], assignment: Assignment) -> Iterator[Untagged]:
    """Of each held-out file with such pairs, where all pairs to train on have tags."""
    trained_on = surveys["train"].tags[assignment.train == TRAIN]
    if not trained_on.all():
        return
    tags = surveys["train"].tag_sets.names(trained_on)
    for name, found in surveys.items():
        kept = found.tags[np.isin(getattr(assignment, name), (DEV, TEST))]
        if name != "train" and not kept.all():
            yield Untagged(name, len(kept), int(np.count_nonzero(kept == 0)), tags)


def _overlap(part: str, train: Keys, held_out: UInt64[np.ndarray, " H"]) -> Overlap:
    return Overlap(part, len(np.unique(held_out)), len(np.unique(train[among(train, held_out)])))
