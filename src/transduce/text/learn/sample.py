"""A bounded sample of the lines to learn from."""

import heapq
import random
from collections.abc import Iterable, Sequence
from itertools import chain

LINE_CHARACTERS = 10_000  # a longer text, such as a document, counts as several lines
SAMPLE_CHARACTERS = 100_000_000  # in all


def sample(lines: Iterable[str], most: int, characters: int = SAMPLE_CHARACTERS) -> list[str]:
    """A uniform sample of at most `most` lines with at most `characters` in total, in the order of the lines.

    Ignores blank lines and splits long ones. Every line gets a random priority, and those with the lowest priorities stay:
    one pass suffices, memory has only the sample, and the same lines give the same sample.
    """
    draw = random.Random(0).random
    heap: list[tuple[float, int, str]] = []  # the first entry has the highest priority, negated
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
