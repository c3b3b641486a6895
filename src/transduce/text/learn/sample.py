"""A bounded sample of the lines to learn from."""

import heapq
import random
from collections.abc import Iterable

LINE_CHARACTERS = 10_000  # what is learned from of one line
SAMPLE_CHARACTERS = 100_000_000  # in all


def sample(lines: Iterable[str], most: int, characters: int = SAMPLE_CHARACTERS) -> list[str]:
    """At most `most` of the lines, each equally likely, with no more than `characters` in all; in their order.

    Blank lines do not count, long ones are cut. Every line draws a random priority and the lowest stay, so that one
    pass will do, no more is held than is returned, and the same lines give the same sample.
    """
    draw = random.Random(0).random
    held: list[tuple[float, int, str]] = []  # a heap: its first has the highest priority, negated
    total = 0
    for place, line in enumerate(lines):
        line = line[:LINE_CHARACTERS]
        if not line or line.isspace():
            continue
        total += len(line)
        heapq.heappush(held, (-draw(), place, line))
        while len(held) > most or total > characters:
            total -= len(heapq.heappop(held)[2])
    return [line for _, _, line in sorted(held, key=lambda entry: entry[1])]
