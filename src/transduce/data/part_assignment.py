"""From surveys to what becomes of every record: split, overlap, cleaning, duplicates, tags, in this order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8, UInt64

from transduce.data.config import Split
from transduce.data.record_keys import Survey
from transduce.data.records import DEV, DUPLICATE, PARTS, STRANGE_TAG, TEST, TRAIN, RecordType, plural
from transduce.data.split import Assignment, Keys, among, assign, repeats, require_records
from transduce.text.tags import shown

NO_KEYS = np.zeros(0, np.uint64)
SUSPICIOUS = 0.5  # share of a held-out file's keys in train, from which it is likely the wrong file


@dataclass(frozen=True)
class Overlap:
    """How many different keys the files of dev or test have, and how many of those the train files have too."""

    part: str
    keys: int
    in_train: int

    def warning(self, task: RecordType) -> str | None:
        """A message where the overlap is so large that the files are likely wrong."""
        if self.in_train < SUSPICIOUS * self.keys:
            return None
        key, keys, units = task.key, plural(task.key), plural(task.unit)
        share = f"every {key}" if self.in_train == self.keys else f"{self.in_train:,} of {self.keys:,} {keys}"
        return (
            f"{share} of the {self.part} files occurs in the train files too. The train {units} with these {keys} are "
            f"left out, so that the {self.part} set stays unseen; but are these the right files?"
        )


@dataclass(frozen=True)
class Untagged:
    """How many records of the files of dev or test have no tag, where every record to train on has some; and which."""

    part: str
    records: int
    untagged: int
    tags: tuple[str, ...]

    def warning(self, task: RecordType) -> str:
        return (
            f"{self.untagged:,} of {self.records:,} {self.part} {plural(task.unit)} have no tag, but every {task.unit} to "
            f"train on has one ({shown(self.tags)}): give tag in data.{self.part}, or a column of tags in its file"
        )


@dataclass(frozen=True)
class Decision:
    """What becomes of every record, the tags that records may have, and likely mistakes in the dev and test files."""

    assignment: Assignment
    tags: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    warnings: tuple[str, ...]


def decide(
    task: RecordType, surveys: Mapping[str, Survey], split: Split | None, known_tags: tuple[str, ...] | None = None
) -> Decision:
    """What becomes of the records of train and, where there are such files, of dev and test.

    `known_tags` are those of a model to start from; by default they are those of train. ValueError if nothing is left
    of a part, or if a record has a tag that is not known.
    """
    train = surveys["train"]
    held_out = {name: survey.keys for name, survey in surveys.items() if name != "train"}
    dev, test = held_out.get("dev", NO_KEYS), held_out.get("test", NO_KEYS)
    assignment = assign(task, train.keys, train.groups, dev, test, split)
    assignment = replace(assignment, train=_cleaned(assignment.train, train))
    require_records(task, assignment, split)
    tags = train.tag_sets.names(train.tags[assignment.train == TRAIN]) if known_tags is None else known_tags
    why = f"no {task.unit} to train on has it" if known_tags is None else "the model has not learnt it"
    _require_known_tags(surveys, assignment, tags, why)
    strange = np.isin(assignment.train, (DEV, TEST)) & train.tag_sets.unknown(train.tags, tags)
    assignment = replace(assignment, train=np.where(strange, np.uint8(STRANGE_TAG), assignment.train))
    require_records(task, assignment, split)
    overlaps = tuple(_overlap(part, train.keys, keys) for part, keys in held_out.items())
    warnings = [overlap.warning(task) for overlap in overlaps]
    warnings += [untagged.warning(task) for untagged in _untagged(surveys, assignment)]
    return Decision(assignment, tags, overlaps, tuple(filter(None, warnings)))


def _cleaned(outcomes: UInt8[np.ndarray, " N"], train: Survey) -> UInt8[np.ndarray, " N"]:
    """The outcomes, with records to train on given up by their verdicts and, of equal ones, all but the first."""
    cleaned: UInt8[np.ndarray, " N"] = np.where(outcomes == TRAIN, train.verdicts, outcomes)
    if len(train.contents):
        left = cleaned == TRAIN
        cleaned[left] = np.where(repeats(train.contents[left]), DUPLICATE, TRAIN)
    return cleaned


def _require_known_tags(surveys: Mapping[str, Survey], assignment: Assignment, tags: tuple[str, ...], why: str) -> None:
    for name, survey in surveys.items():
        used = np.isin(getattr(assignment, name), list(PARTS) if name != "train" else [TRAIN])
        survey.tag_sets.require_known(survey.tags[used], tags, why)


def _untagged(surveys: Mapping[str, Survey], assignment: Assignment) -> Iterator[Untagged]:
    """Of each held-out file with such records, where all records to train on have tags."""
    trained_on = surveys["train"].tags[assignment.train == TRAIN]
    if not trained_on.all():
        return
    tags = surveys["train"].tag_sets.names(trained_on)
    for name, survey in surveys.items():
        used = survey.tags[np.isin(getattr(assignment, name), (DEV, TEST))]
        if name != "train" and not used.all():
            yield Untagged(name, len(used), int(np.count_nonzero(used == 0)), tags)


def _overlap(part: str, train: Keys, held_out: UInt64[np.ndarray, " H"]) -> Overlap:
    return Overlap(part, len(np.unique(held_out)), len(np.unique(train[among(train, held_out)])))
