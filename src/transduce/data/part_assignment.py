"""The part of every record, from its keys: split, overlap, cleaning, duplicates, tags, in this order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from jaxtyping import UInt8, UInt64

from transduce.data.config import Split
from transduce.data.formats.time_windows import has_windows
from transduce.data.record_keys import RecordKeys
from transduce.data.records import DEV, DUPLICATE, PARTS, STRANGE_TAG, TEST, TRAIN, Record, RecordType, plural
from transduce.data.split import Assignment, Keys, among, assign, repeats, require_records
from transduce.text.tags import name_list

NO_KEYS = np.zeros(0, np.uint64)
SUSPICIOUS = 0.5  # share of a held-out file's keys in train that suggests a wrong file


@dataclass(frozen=True)
class Overlap:
    """Number of different keys in the files of dev or test, and how many of them the train files also have."""

    part: str
    keys: int
    in_train: int

    def warning(self, task: RecordType) -> str | None:
        """A message if the overlap is so large that the files are probably wrong."""
        if self.in_train < SUSPICIOUS * self.keys:
            return None
        key, keys, units = task.key, plural(task.key), plural(task.unit)
        share = f"{self.in_train:,} of {self.keys:,} {keys}" if self.in_train < self.keys else f"every {key}"
        occur = "occur" if 1 < self.in_train < self.keys else "occurs"
        consequence = (
            f"A series may repeat itself, so no {task.unit} is left out"
            if has_windows(task.columns)
            else f"The train {units} with these {keys} are left out, so that the {self.part} set stays unseen"
        )
        return (
            f"{share} of the {self.part} files {occur} in the train files too. {consequence}; check that these are the right "
            "files"
        )


@dataclass(frozen=True)
class Decision:
    """The outcome of every record, the vocabulary of tags, and probable mistakes in the dev and test files."""

    assignment: Assignment
    tags: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    warnings: tuple[str, ...]


def decide(
    task: RecordType, origins: Mapping[str, RecordKeys], split: Split | None, tag_names: tuple[str, ...] | None = None
) -> Decision:
    """The outcome of every record of train and, if there are such files, of dev and test.

    `tag_names` are the tags of a model to start from; by default they are those of train. ValueError if a part is empty,
    or if a record has an unknown tag.
    """
    train = origins["train"]
    held_out = {name: records.keys for name, records in origins.items() if name != "train"}
    dev, test = held_out.get("dev", NO_KEYS), held_out.get("test", NO_KEYS)
    assignment = assign(task, train.keys, train.groups, dev, test, split, train.spans)
    assignment = replace(assignment, train=_cleaned(assignment.train, train))
    require_records(task, assignment, split)
    tags = train.tag_sets.names(train.tags[assignment.train == TRAIN]) if tag_names is None else tag_names
    why = f"no {task.unit} to train on has it" if tag_names is None else "the model has not learnt it"
    _require_known_tags(origins, assignment, tags, why)
    strange = np.isin(assignment.train, (DEV, TEST)) & train.tag_sets.unknown(train.tags, tags)
    assignment = replace(assignment, train=np.where(strange, np.uint8(STRANGE_TAG), assignment.train))
    require_records(task, assignment, split)
    overlaps = tuple(_overlap(part, train.keys, keys) for part, keys in held_out.items())
    warnings = (*(overlap.warning(task) for overlap in overlaps), *_untagged(task, origins, assignment))
    return Decision(assignment, tags, overlaps, tuple(filter(None, warnings)))


def _cleaned(outcomes: UInt8[np.ndarray, " N"], train: RecordKeys) -> UInt8[np.ndarray, " N"]:
    """The outcomes, in which the cleaning rules and the duplicate filter remove train records. The first copy stays."""
    cleaned: UInt8[np.ndarray, " N"] = np.where(outcomes == TRAIN, train.verdicts, outcomes)
    if len(train.contents):
        remaining = cleaned == TRAIN
        cleaned[remaining] = np.where(repeats(train.contents[remaining]), DUPLICATE, TRAIN)
    return cleaned


def _require_known_tags(
    origins: Mapping[str, RecordKeys], assignment: Assignment, tags: tuple[str, ...], why: str
) -> None:
    for name, records in origins.items():
        in_use = np.isin(getattr(assignment, name), list(PARTS) if name != "train" else [TRAIN])
        records.tag_sets.require_known(records.tags[in_use], tags, why)


def _untagged(task: RecordType, origins: Mapping[str, RecordKeys], assignment: Assignment) -> Iterator[str]:
    """A warning for each held-out file with untagged records, if all train records have tags."""
    train_tags = origins["train"].tags[assignment.train == TRAIN]
    if not train_tags.all():
        return
    names = name_list(origins["train"].tag_sets.names(train_tags))
    for part, records in origins.items():
        tags = records.tags[np.isin(getattr(assignment, part), (DEV, TEST))]
        untagged = int(np.count_nonzero(tags == 0))
        if part != "train" and untagged:
            yield (
                f"{untagged:,} of {len(tags):,} {part} {plural(task.unit)} {'has' if untagged == 1 else 'have'} no tag, but "
                f"every {task.unit} to train on has one ({names}): give tag in data.{part}, or a column of tags in its file"
            )


def _overlap(part: str, train: Keys, held_out: UInt64[np.ndarray, " H"]) -> Overlap:
    return Overlap(part, len(np.unique(held_out)), len(np.unique(train[among(train, held_out)])))


def training_records(
    records: Iterator[Record], outcomes: UInt8[np.ndarray, " N"], limit: int, seed: int
) -> Iterator[Record]:
    """The train records in file order, or if there are more than `limit`, a random sample of that many by `seed`."""
    places = np.flatnonzero(outcomes == TRAIN)
    if len(places) > limit:
        places = np.random.default_rng(seed).choice(places, limit, replace=False, shuffle=False)
    mask = np.zeros(len(outcomes), np.uint8)
    mask[places] = 1
    return compress(records, mask.tobytes())
