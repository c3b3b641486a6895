"""An order of the pairs in which a system that takes them as they come makes batches of like lengths."""

from collections.abc import Sequence
from random import Random


def grouped(source: Sequence[int], target: Sequence[int], batch_tokens: int, seed: int) -> list[int]:
    """Numbers of all pairs: sorted by length, cut into batches, the batches in random order.

    Cut as Joey NMT cuts: a batch ends with the pair that brings it to `batch_tokens`, counted as pairs times the longest
    side of any, end token included. Reading the pairs in the order returned, it finds these batches again.
    """
    longer = [max(pair) + 1 for pair in zip(source, target, strict=True)]
    batches: list[list[int]] = [[]]
    longest = 0
    for number in sorted(range(len(longer)), key=lambda number: (longer[number], source[number])):
        batches[-1].append(number)
        longest = max(longest, longer[number])
        if longest * len(batches[-1]) >= batch_tokens:
            batches.append([])
            longest = 0
    *full, rest = batches
    Random(seed).shuffle(full)
    return [number for batch in [*full, rest] for number in batch]
