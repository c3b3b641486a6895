"""Which record belongs to which part, so that no key of dev or test occurs in train, nor one of dev in test. The key of
a record is one of its columns: the source of a translation, the text of a document.

Decided on 64-bit hashes alone (ten million records: 80 MB), so the texts never have to be in memory together. Two
keys are *the same* if they agree after Unicode NFKC, case folding and collapsing white space: coarser than any
normalisation of a tokenizer, so what a model sees of one differs from what it sees of the other (unless words that it
has not learnt make them alike), and the split is the same for all tokenizers.

Holding out N: the keys (or groups) with the smallest hashes go to test, as few as have N distinct keys between them;
those with the largest hashes go to dev. So the part of a key depends neither on the order of the files nor on how often
it occurs, and the size of one part does not change the other. All records of a key go with it: a part has N records or
more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, UInt8, UInt64

from transduce.data.config import Split
from transduce.data.records import DEV, IN_DEV, IN_TEST, PARTS, TEST, TRAIN, RecordType, plural, removed
from transduce.text.normal_forms import normal

Keys = UInt64[np.ndarray, " N"]


def text_key(text: str) -> int:
    """64-bit hash that is equal for texts that count as the same.

    >>> text_key("An  Apple ") == text_key("an apple")
    True
    """
    if text.isascii():  # quicker, and the same
        folded = text.lower()
    else:
        folded = normal("NFKC", normal("NFKC", text).casefold())
    return exact_key(" ".join(folded.split()))


def exact_key(text: str) -> int:
    """64-bit hash of exactly this text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def among(keys: Keys, wanted: UInt64[np.ndarray, " W"]) -> Bool[np.ndarray, " N"]:
    """Which keys are wanted ones. `np.isin` would sort all keys, in ten times the memory of `keys` itself."""
    if not len(wanted):
        return np.zeros(len(keys), bool)
    wanted = np.unique(wanted)
    found: Bool[np.ndarray, " N"] = wanted[np.searchsorted(wanted[:-1], keys)] == keys
    return found


def repeats(keys: Keys) -> Bool[np.ndarray, " N"]:
    """Which keys occurred before: `repeats([7, 5, 7])` is [False, False, True]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    found = np.zeros(len(keys), bool)
    found[order[1:][ordered[1:] == ordered[:-1]]] = True
    return found


@dataclass(frozen=True)
class Assignment:
    """For each record read from the files of train, dev and test, in order: the part it goes to, or why it goes to none."""

    train: UInt8[np.ndarray, " N"]
    dev: UInt8[np.ndarray, " D"]
    test: UInt8[np.ndarray, " T"]

    def count(self, part: int) -> int:
        """How many records go to TRAIN, DEV or TEST."""
        return sum(int(np.count_nonzero(origin == part)) for origin in (self.train, self.dev, self.test))


def assign(
    task: RecordType,
    keys: Keys,
    groups: Keys,
    dev_keys: UInt64[np.ndarray, " D"],
    test_keys: UInt64[np.ndarray, " T"],
    split: Split | None,
) -> Assignment:
    """The part of every record, from the keys of the training files and of separate dev and test files (may be empty).

    `groups` says what stays together: `keys` again, or the keys of the groups. ValueError if a part would be left empty.
    """
    train = np.full(len(keys), TRAIN, np.uint8)
    if split and split.test:
        train[_held_out(task, groups, keys, split.test, "test")] = TEST
    held_out = np.concatenate([test_keys, keys[train == TEST]])
    train[(train == TRAIN) & among(keys, held_out)] = IN_TEST
    dev = np.where(among(dev_keys, held_out), IN_TEST, DEV).astype(np.uint8)
    if split and split.dev:
        left = np.flatnonzero(train == TRAIN)
        train[left[_held_out(task, ~groups[left], keys[left], split.dev, "dev")]] = DEV
    held_out = np.concatenate([dev_keys, keys[train == DEV]])
    train[(train == TRAIN) & among(keys, held_out)] = IN_DEV
    assignment = Assignment(train, dev, np.full(len(test_keys), TEST, np.uint8))
    require_records(task, assignment, split)
    return assignment


def _held_out(task: RecordType, groups: Keys, keys: Keys, count: int, part: str) -> Bool[np.ndarray, " N"]:
    """The records of the smallest groups, as few groups as have `count` distinct keys."""
    looked_at = 0
    while looked_at < len(groups):  # as many of the smallest as are needed: seldom more than twice the number asked for
        looked_at = min(len(groups), max(2 * count, 4 * looked_at))
        near = groups <= np.partition(groups, looked_at - 1)[looked_at - 1]
        smallest = np.sort(groups[near])
        new = ~repeats(keys[near][np.argsort(groups[near], kind="stable")])
        distinct = np.cumsum(new)
        if distinct[-1] >= count:
            held_out: Bool[np.ndarray, " N"] = groups <= smallest[np.searchsorted(distinct, count)]
            return held_out
    beside = ", those of the test set aside," if part == "dev" else ""
    raise ValueError(
        f"data.split.{part} asks for {count:,} distinct {plural(task.key)}, but the train files{beside} have only "
        f"{len(np.unique(keys)):,}; ask for fewer"
    )


def require_records(task: RecordType, assignment: Assignment, split: Split | None) -> None:
    """ValueError, with the reasons, if nothing is left to train on, or nothing of a dev or test set that was asked for."""
    units, why = plural(task.unit), removed(task)
    if assignment.count(TRAIN) == 0:
        gone = {code: int(np.count_nonzero(assignment.train == code)) for code in (*PARTS, *why)}
        reasons = [f"{gone[code]:,} are held out as {PARTS[code]}" for code in (DEV, TEST) if gone[code]]
        reasons += [f"{gone[code]:,} are removed ({reason})" for code, reason in why.items() if gone[code]]
        by_group = "; a group is never divided" if split and split.by == "group" else ""
        raise ValueError(
            f"no {units} are left to train on: of {len(assignment.train):,}, {', '.join(reasons)}{by_group}; {_advice(gone)}"
        )
    if len(assignment.dev) and assignment.count(DEV) == 0:
        raise ValueError(
            f"no dev {units} are left: the {plural(task.key)} of all {len(assignment.dev):,} occur in test too"
        )
    for code, count in ((DEV, split.dev), (TEST, split.test)) if split else ():
        if count and assignment.count(code) == 0:
            raise ValueError(
                f"no {PARTS[code]} {units} are left: no {task.unit} to train on has the tags of those held out"
            )


def _advice(gone: Mapping[int, int]) -> str:
    """What to change so that records are left to train on: about what took most; `gone` counts them by outcome."""
    most = max(gone, key=lambda code: gone[code])
    if most in (DEV, TEST):
        return "hold out fewer, in data.split"
    if most in (IN_DEV, IN_TEST):
        return "give other files to train on than those of dev and test"
    return "the rules are those of [data.clean]"
