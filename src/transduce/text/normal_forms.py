"""Unicode's normal forms in bounded time. Python's own need quadratic time for a run of marks, and ignore Ctrl-C meanwhile.

For a text with fewer than 500 marks in a row the result equals Python's.
"""

import unicodedata
from collections.abc import Iterator
from typing import Literal

MOST_AT_ONCE = 1000  # characters; a line may have a million
COMPOSED = 4  # characters: a syllable of Korean is made of three
REACH = 500  # characters in which to search for a place to cut


def normal(form: Literal["NFC", "NFKC"], text: str) -> str:
    """The text in a normal form: `normal("NFC", "e\\u0301") == "é"`."""
    if len(text) <= MOST_AT_ONCE:
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, piece) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """Short pieces of the text, with cuts across which no characters compose."""
    begin = 0
    while len(text) - begin > MOST_AT_ONCE:
        end = _cut(text, begin + MOST_AT_ONCE)
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _cut(text: str, last: int) -> int:
    """The last safe place at or before `last`; `last` itself if none is in reach."""
    space = text.rfind(" ", last - REACH, last)
    if space > 0:
        return space
    places = range(last, last - REACH, -1)
    return next((place for place in places if _is_boundary(text[place - COMPOSED : place], text[place])), last)


def _is_boundary(before: str, after: str) -> bool:
    """Whether no character composes across the cut between `before`, of COMPOSED characters, and `after`."""
    if unicodedata.combining(unicodedata.normalize("NFKD", after)[0]):
        return False
    together, apart = (unicodedata.normalize("NFKC", text) for text in (before + after, after))
    return together == unicodedata.normalize("NFKC", before) + apart
