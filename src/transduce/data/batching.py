"""Batches by token budget: which rows, in which order, as a pure function of lengths, seed and epoch.

Letters: N rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Integer

Indices = Int[np.ndarray, " _"]  # rows of a batch
Lengths = Integer[np.ndarray, " N"]

OTHER_BUDGET = 2  # padded tokens of `other` that a batch may have, in units of its budget
BUCKET_WIDTH = 10  # main lengths within a tenth share a bucket: measured least padding of both columns together
OTHER_JITTER = 16  # other lengths are sorted as if up to a sixteenth longer: epochs mix rows differently
LONGEST = 1 << 22  # tokens: the sort key has 22 bits for a length


class Costs(NamedTuple):
    """The costs of each row in a batch budget: padded `main` stays within the budget, padded `other` within twice that.
    Lengths are those that the model sees, with the end token if there is one.

    Translation: target lengths + 1, source lengths + 1. Tasks with one column: the same array twice.
    """

    main: Lengths
    other: Lengths

    def of(self, rows: Indices) -> "Costs":
        return Costs(self.main[rows], self.other[rows])


def epoch_plan(costs: Costs, batch_tokens: int, seed: int, epoch: int) -> list[Indices]:
    """The batches of one epoch, in order: arrays of row indices, every row in exactly one.

    Rows of similar lengths share a batch. In a batch, rows x longest `main` is at most `batch_tokens`, and rows x longest
    `other` at most twice that; a row that alone exceeds a budget is a batch of its own. The same arguments give the same
    plan on every machine, since the plan uses raw generator output (its stream is guaranteed) and stable sorts only.
    """
    generator = np.random.PCG64(np.random.SeedSequence([seed, epoch]))
    order = _bucketed_order(costs, generator)
    ends = _batch_ends(costs.of(order), batch_tokens)
    batches = np.split(order, ends[:-1]) if ends else []
    permutation = np.argsort(generator.random_raw(len(batches)), kind="stable")
    return [batches[number] for number in permutation.tolist()]


def by_length(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Places in groups of similar length, each of at most `batch_tokens` padded tokens (one place at least)."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if not groups or (len(groups[-1]) + 1) * lengths[place] > batch_tokens:
            groups.append([])
        groups[-1].append(place)
    return groups


def _bucketed_order(costs: Costs, generator: np.random.PCG64) -> Indices:
    """Row indices by bucket of main lengths and, inside it, by other length, in rising and falling order by turns.

    So neighbours are similar across edges of buckets too. Random numbers move the edges, stretch other lengths by up to
    1/OTHER_JITTER and order rows of equal lengths, so that epochs differ.
    """
    main, other = costs
    longest = max(int(other.max(initial=0)), int(main.max(initial=0)))
    if longest > LONGEST:
        raise ValueError(
            f"a row has {longest:,} tokens, at most {LONGEST:,} can be batched; lower data.clean.max-length"
        )
    bucket = np.searchsorted(_edges(longest, int(generator.random_raw()) % BUCKET_WIDTH), main).astype(np.uint64)
    noise = generator.random_raw(len(other))
    place = other.astype(np.uint64)
    place += noise % (place // np.uint64(OTHER_JITTER) + np.uint64(1))
    np.subtract(np.uint64(2 * LONGEST), place, out=place, where=bucket % np.uint64(2) == 1)
    return np.argsort(bucket << np.uint64(48) | place << np.uint64(24) | noise >> np.uint64(40), kind="stable")


def _edges(longest: int, phase: int) -> list[int]:
    """The longest length of every bucket: 1/BUCKET_WIDTH above the one before, and at least 1 above it."""
    edges = [1]
    while edges[-1] < longest:
        edges.append(edges[-1] + max(1, (edges[-1] + phase) // BUCKET_WIDTH))
    return edges


def _batch_ends(costs: Costs, batch_tokens: int) -> list[int]:
    """The end of each batch in the sorted rows, by greedy cuts: one Python step per batch, none per row."""
    main, other = costs
    counts = np.arange(1, len(main) + 1)
    ends, start = [], 0
    while start < len(main):
        fits = _fitting(main, start, batch_tokens, counts)
        start += max(1, min(fits, _fitting(other, start, OTHER_BUDGET * batch_tokens, counts[:fits])))
        ends.append(start)
    return ends


def _fitting(lengths: Lengths, start: int, budget: int, counts: Indices) -> int:
    """The number of rows from `start` on, at most len(counts), that fit the budget with padding to the longest of them."""
    window = lengths[start : start + min(len(counts), budget // max(1, int(lengths[start])))]
    return int(np.count_nonzero(np.maximum.accumulate(window) * counts[: len(window)] <= budget))
