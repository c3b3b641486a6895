"""Unicode's normal forms in bounded time: Python's own take quadratic time for a run of marks, and no Ctrl-C stops them.

Of a text with fewer than 500 marks in a row the result is Python's.
"""

import unicodedata
from collections.abc import Iterator
from typing import Literal

MOST_AT_ONCE = 1000  # characters; a line may have a million
COMPOSED = 4  # characters: a syllable of Korean is made of three
REACH = 500  # characters looked at for a place to cut at


def normal(form: Literal["NFC", "NFKC"], text: str) -> str:
    """The text in a normal form: `normal("NFC", "e\\u0301") == "é"`."""
    if len(text) <= MOST_AT_ONCE:
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, piece) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that are soon normalised, cut where nothing is composed across the cut."""
    begin = 0
    while len(text) - begin > MOST_AT_ONCE:
        end = _cut(text, begin + MOST_AT_ONCE)
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _cut(text: str, last: int) -> int:
    """The last place at or before `last` that parts nothing; `last` itself where there is none in reach."""
    space = text.rfind(" ", last - REACH, last)
    if space > 0:
        return space
    places = range(last, last - REACH, -1)
    return next((place for place in places if _is_boundary(text[place - COMPOSED : place], text[place])), last)


def _is_boundary(before: str, after: str) -> bool:
    """Whether what stands before, and is long enough to have been composed of its parts itself, leaves `after` alone."""
    if unicodedata.combining(unicodedata.normalize("NFKD", after)[0]):
        return False
    together, apart = (unicodedata.normalize("NFKC", text) for text in (before + after, after))
    return together == unicodedata.normalize("NFKC", before) + apart
