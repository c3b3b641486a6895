"""Which pair belongs to which part, so that no source of dev or test occurs in train, nor one of dev in test.

Decided on 64-bit hashes alone (ten million pairs: 80 MB), so the texts never have to be in memory together. Two
sources are *the same* if they agree after Unicode NFKC, case folding and collapsing white space: coarser than any
normalisation of a tokenizer, so what a model sees of one differs from what it sees of the other (unless words that it
has not learnt make them alike), and the split is the same for all tokenizers.

Holding out N: the keys (sources, or groups) with the smallest hashes go to test, as few as have N distinct sources
between them; those with the largest hashes go to dev. So a key's fate depends neither on the order of the files nor
on how often it occurs, and the size of one part does not change the other. All pairs of a key go with it: a part has
N pairs or more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, UInt8, UInt64

from transduce.data.config import Split
from transduce.data.fates import DEV, IN_DEV, IN_TEST, PARTS, REMOVED, TEST, TRAIN
from transduce.text.normal_forms import normal

Keys = UInt64[np.ndarray, " N"]


def source_key(text: str) -> int:
    """64-bit hash that is equal for sources that count as the same.

    >>> source_key("An  Apple ") == source_key("an apple")
    True
    """
    if text.isascii():  # quicker, and the same
        folded = text.lower()
    else:
        folded = normal("NFKC", normal("NFKC", text).casefold())
    return group_key(" ".join(folded.split()))


def group_key(text: str) -> int:
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
    """For each pair read from the files of train, dev and test, in order: its fate, the part it goes to or why none."""

    train: UInt8[np.ndarray, " N"]
    dev: UInt8[np.ndarray, " D"]
    test: UInt8[np.ndarray, " T"]

    def pairs(self, part: int) -> int:
        """How many pairs go to TRAIN, DEV or TEST."""
        return sum(int(np.count_nonzero(origin == part)) for origin in (self.train, self.dev, self.test))


def assign(
    sources: Keys,
    groups: Keys,
    dev_sources: UInt64[np.ndarray, " D"],
    test_sources: UInt64[np.ndarray, " T"],
    split: Split | None,
) -> Assignment:
    """The part of every pair, from the keys of the training files and of separate dev and test files (may be empty).

    `groups` says what stays together: `sources` again, or the keys of the groups. ValueError if a part would be left
    empty.
    """
    train = np.full(len(sources), TRAIN, np.uint8)
    if split and split.test:
        train[_held_out(groups, sources, split.test, "test")] = TEST
    held_out = np.concatenate([test_sources, sources[train == TEST]])
    train[(train == TRAIN) & among(sources, held_out)] = IN_TEST
    dev = np.where(among(dev_sources, held_out), IN_TEST, DEV).astype(np.uint8)
    if split and split.dev:
        left = np.flatnonzero(train == TRAIN)
        train[left[_held_out(~groups[left], sources[left], split.dev, "dev")]] = DEV
    held_out = np.concatenate([dev_sources, sources[train == DEV]])
    train[(train == TRAIN) & among(sources, held_out)] = IN_DEV
    assignment = Assignment(train, dev, np.full(len(test_sources), TEST, np.uint8))
    require_pairs(assignment, split)
    return assignment


def _held_out(keys: Keys, sources: Keys, wanted: int, part: str) -> Bool[np.ndarray, " N"]:
    """The pairs of the smallest keys, as few keys as have `wanted` distinct sources."""
    looked_at = 0
    while looked_at < len(keys):  # as many of the smallest as are needed: seldom more than twice the wanted number
        looked_at = min(len(keys), max(2 * wanted, 4 * looked_at))
        near = keys <= np.partition(keys, looked_at - 1)[looked_at - 1]
        smallest = np.sort(keys[near])
        new = ~repeats(sources[near][np.argsort(keys[near], kind="stable")])
        distinct = np.cumsum(new)
        if distinct[-1] >= wanted:
            held_out: Bool[np.ndarray, " N"] = keys <= smallest[np.searchsorted(distinct, wanted)]
            return held_out
    found = len(np.unique(sources))
    beside = ", those of the test set aside," if part == "dev" else ""
    raise ValueError(
        f"data.split.{part} asks for {wanted:,} distinct sources, but the train files{beside} have only {found:,}; ask for "
        "fewer"
    )


def require_pairs(assignment: Assignment, split: Split | None) -> None:
    """ValueError, with the reasons, if nothing is left to train on, or nothing of a dev or test set that was wanted."""
    if assignment.pairs(TRAIN) == 0:
        gone = {code: int(np.count_nonzero(assignment.train == code)) for code in (*PARTS, *REMOVED)}
        reasons = [f"{gone[code]:,} are held out as {PARTS[code]}" for code in (DEV, TEST) if gone[code]]
        reasons += [f"{gone[code]:,} are removed ({reason})" for code, reason in REMOVED.items() if gone[code]]
        by_group = "; a group is never divided" if split and split.by == "group" else ""
        raise ValueError(
            f"no pairs are left to train on: of {len(assignment.train):,}, {', '.join(reasons)}{by_group}; {_advice(gone)}"
        )
    if len(assignment.dev) and assignment.pairs(DEV) == 0:
        raise ValueError(f"no dev pairs are left: the sources of all {len(assignment.dev):,} occur in test too")
    for code, wanted in ((DEV, split.dev), (TEST, split.test)) if split else ():
        if wanted and assignment.pairs(code) == 0:
            raise ValueError(f"no {PARTS[code]} pairs are left: no pair to train on has the tags of those held out")


def _advice(gone: Mapping[int, int]) -> str:
    """What to change so that pairs are left to train on: about what took most; `gone` counts the pairs by their fates."""
    most = max(gone, key=lambda code: gone[code])
    if most in (DEV, TEST):
        return "hold out fewer, in data.split"
    if most in (IN_DEV, IN_TEST):
        return "give other files to train on than those of dev and test"
    return "the rules are those of [data.clean]"
