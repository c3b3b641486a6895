"""The split: assigns every record to a part, so that no key of dev or test occurs in train, and no key of dev in test.
The key of a record is one of its columns: the source of a translation, the text of a document.

The split uses 64-bit hashes only (ten million records: 80 MB), so memory never has to hold all texts. Two keys are *the
same* if they agree after Unicode NFKC, case folding and collapsing of white space. This is coarser than every
normalisation of a tokenizer. So different keys look different to a model (unless they differ in unknown words only), and
the split is the same for all tokenizers.

To hold out N: the keys (or groups) with the smallest hashes go to test, as few as have N distinct keys in total; those
with the largest hashes go to dev. So the part of a key depends neither on the order of the files nor on its frequency,
and the size of one part does not change the other. All records of a key go to the same part, which has N records or more.

Windows of series are split by time instead: the last ones of each series are held out. Their keys are never compared: a
series repeats itself, and a history that occurs earlier too is data, not a copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

from transduce.data.config import Split
from transduce.data.formats.time_windows import has_windows
from transduce.data.records import DEV, IN_DEV, IN_TEST, PARTS, STRADDLES, TEST, TRAIN, RecordType, plural, removed

Keys = UInt64[np.ndarray, " N"]


def among(keys: Keys, others: UInt64[np.ndarray, " W"]) -> Bool[np.ndarray, " N"]:
    """Marks the keys that are among the others. `np.isin` would sort all keys, in ten times the memory of `keys`."""
    if not len(others):
        return np.zeros(len(keys), bool)
    others = np.unique(others)
    matches: Bool[np.ndarray, " N"] = others[np.searchsorted(others[:-1], keys)] == keys
    return matches


def repeats(keys: Keys) -> Bool[np.ndarray, " N"]:
    """Marks the keys that occur earlier too: `repeats([7, 5, 7])` is [False, False, True]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    marks = np.zeros(len(keys), bool)
    marks[order[1:][ordered[1:] == ordered[:-1]]] = True
    return marks


@dataclass(frozen=True)
class Assignment:
    """The outcome of each record of the train, dev and test files, in order: its part, or the reason why it has none."""

    train: UInt8[np.ndarray, " N"]
    dev: UInt8[np.ndarray, " D"]
    test: UInt8[np.ndarray, " T"]

    def count(self, part: int) -> int:
        """The number of records of TRAIN, DEV or TEST."""
        return sum(int(np.count_nonzero(origin == part)) for origin in (self.train, self.dev, self.test))


def assign(
    task: RecordType,
    keys: Keys,
    groups: Keys,
    dev_keys: UInt64[np.ndarray, " D"],
    test_keys: UInt64[np.ndarray, " T"],
    split: Split | None,
    spans: Int64[np.ndarray, "N 2"] | None = None,
) -> Assignment:
    """The part of every record, from the keys of the training files and of separate dev and test files (may be empty).

    Records with equal `groups` stay together: `keys` again, or the keys of the groups. With `split.by = "time"` they are
    the windows of a series, and `spans` their first and last steps. ValueError for an empty part.
    """
    train = np.full(len(keys), TRAIN, np.uint8)
    by_time = split is not None and split.by == "time"
    if split and by_time:
        assert spans is not None
        train = parts_by_time(groups, spans, split.dev, split.test)
    elif split and split.test:
        train[_held_out(task, groups, keys, split.test, "test")] = TEST
    held_out = np.concatenate([test_keys, keys[train == TEST]])
    train[(train == TRAIN) & _occurring(task, keys, held_out)] = IN_TEST
    dev = np.where(_occurring(task, dev_keys, held_out), IN_TEST, DEV).astype(np.uint8)
    if split and split.dev and not by_time:
        remaining = np.flatnonzero(train == TRAIN)
        train[remaining[_held_out(task, ~groups[remaining], keys[remaining], split.dev, "dev")]] = DEV
    held_out = np.concatenate([dev_keys, keys[train == DEV]])
    train[(train == TRAIN) & _occurring(task, keys, held_out)] = IN_DEV
    assignment = Assignment(train, dev, np.full(len(test_keys), TEST, np.uint8))
    require_records(task, assignment, split)
    return assignment


def _occurring(task: RecordType, keys: Keys, held_out: UInt64[np.ndarray, " W"]) -> Bool[np.ndarray, " N"]:
    """Marks the keys that occur in a later part; none of windows of series."""
    return np.zeros(len(keys), bool) if has_windows(task.columns) else among(keys, held_out)


def parts_by_time(groups: Keys, spans: Int64[np.ndarray, "N 2"], dev: int, test: int) -> UInt8[np.ndarray, " N"]:
    """The last `test` windows of each series are TEST, the last `dev` that end before those begin are DEV, and those that
    end before dev begins are TRAIN. No time step is in two parts: the windows between them are STRADDLES.
    """
    parts = np.full(len(groups), TRAIN, np.uint8)
    order = np.lexsort((spans[:, 0], groups))
    for places in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        for part, count in ((TEST, test), (DEV, dev)):
            last = places[len(places) - min(count, len(places)) :]
            if not len(last):
                continue
            begin = spans[last, 0].min()
            parts[last] = part
            earlier = places[: len(places) - len(last)]
            overlapping = spans[earlier, 1] >= begin
            parts[earlier[overlapping]] = STRADDLES
            places = earlier[~overlapping]
    return parts


def _held_out(task: RecordType, groups: Keys, keys: Keys, count: int, part: str) -> Bool[np.ndarray, " N"]:
    """The records of the smallest groups, as few groups as have `count` distinct keys."""
    candidates = 0
    while candidates < len(groups):  # sorts only the smallest: seldom more than twice the number to hold out
        candidates = min(len(groups), max(2 * count, 4 * candidates))
        near = groups <= np.partition(groups, candidates - 1)[candidates - 1]
        smallest = np.sort(groups[near])
        new = ~repeats(keys[near][np.argsort(groups[near], kind="stable")])
        distinct = np.cumsum(new)
        if distinct[-1] >= count:
            held_out: Bool[np.ndarray, " N"] = groups <= smallest[np.searchsorted(distinct, count)]
            return held_out
    beside = ", those of the test set aside," if part == "dev" else ""
    raise ValueError(
        f"data.split.{part} needs {count:,} distinct {plural(task.key)}, but the train files{beside} have only "
        f"{len(np.unique(keys)):,}; lower it"
    )


def require_records(task: RecordType, assignment: Assignment, split: Split | None) -> None:
    """ValueError, with the reasons, if train is empty, or a dev or test set of the run file."""
    units, why = plural(task.unit), removed(task)
    if assignment.count(TRAIN) == 0:
        counts = {code: int(np.count_nonzero(assignment.train == code)) for code in (*PARTS, *why)}
        verbs = {code: f"{count:,} {'is' if count == 1 else 'are'}" for code, count in counts.items() if count}
        reasons = [f"{verbs[code]} held out as {PARTS[code]}" for code in (DEV, TEST) if code in verbs]
        reasons += [f"{verbs[code]} removed ({reason})" for code, reason in why.items() if code in verbs]
        by_group = "; a group is never divided" if split and split.by == "group" else ""
        raise ValueError(
            f"no {units} are left to train on: of {len(assignment.train):,}, {', '.join(reasons)}{by_group}; {_advice(counts)}"
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


def _advice(counts: Mapping[int, int]) -> str:
    """Advice about the most frequent of the outcomes for which records are not in train."""
    most = max(counts, key=lambda code: counts[code])
    if most in (DEV, TEST):
        return "hold out fewer, in data.split"
    if most in (IN_DEV, IN_TEST):
        return "give other files to train on than those of dev and test"
    if most == STRADDLES:
        return "give a longer series, hold out fewer windows in data.split, or lower task.history or task.horizon"
    return "the rules are those of [data.clean]"
