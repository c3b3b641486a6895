"""A bounded sample of the lines to learn from."""

import heapq
import random
from collections.abc import Iterable, Sequence
from itertools import chain

LINE_CHARACTERS = 10_000  # a longer text, such as a document, counts as several lines
SAMPLE_CHARACTERS = 100_000_000  # in all


def sample(lines: Iterable[str], most: int, characters: int = SAMPLE_CHARACTERS) -> list[str]:
    """At most `most` of the lines, each equally likely, with no more than `characters` in all; in their order.

    Blank lines do not count, long ones count as several. Every line draws a random priority and the lowest stay, so that
    one pass is enough, memory holds only the sample, and the same lines give the same sample.
    """
    draw = random.Random(0).random
    heap: list[tuple[float, int, str]] = []  # its first has the highest priority, negated
    total = 0
    for place, line in enumerate(chain.from_iterable(map(_parts, lines))):
        if not line or line.isspace():
            continue
        total += len(line)
        heapq.heappush(heap, (-draw(), place, line))
        while len(heap) > most or total > characters:
            total -= len(heapq.heappop(heap)[2])
    return [line for _, _, line in sorted(heap, key=lambda entry: entry[1])]


def _parts(text: str) -> Sequence[str]:
    if len(text) <= LINE_CHARACTERS:
        return (text,)
    return [text[begin : begin + LINE_CHARACTERS] for begin in range(0, len(text), LINE_CHARACTERS)]
