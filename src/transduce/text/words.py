"""Which word of a text each of its tokens belongs to."""

import re
from bisect import bisect_right
from collections.abc import Sequence

WORD = re.compile(r"\S+")


def word_numbers(text: str, places: Sequence[tuple[int, int]]) -> list[int | None]:
    """The word that each token stands in, words being `text.split()`, counted from 0; `places` as `Tokenizer.places`.

    A token of white space alone belongs to the word that follows, if one does.

        "to  Bremen", ["▁to", "▁", "▁B", "remen"] at [(0, 2), (2, 3), (3, 5), (5, 10)]  ->  [0, 1, 1, 1]
    """
    ends = [word.end() for word in WORD.finditer(text)]
    numbers: list[int | None] = []
    for start, end in places:
        inside = re.search(r"\S", text[start:end])
        word = bisect_right(ends, start if inside is None else start + inside.start())
        numbers.append(word if word < len(ends) else None)
    return numbers
