"""Pairs whose right word alignment is known, since a few rules make them.

    source   <adjectives> noun [do] verb <adjectives> noun          ki ba do mu lo
    target   xo noun <adjectives> xo noun <adjectives> verb         xo FA PI xo SE ZU

Adjectives go behind their noun, verbs behind their object; "do" has no counterpart, and "xo" (which may count as part of
its noun) none either.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

NOUNS, ADJECTIVES, VERBS = range(16), range(16, 24), range(24, 32)


class AlignedPair(NamedTuple):
    source: str
    target: str
    gold: str  # Pharaoh, "1-2" sure and "1?2" possible


def pairs(seed: int) -> Iterator[AlignedPair]:
    """Any number of pairs; the dictionary is the same for every seed."""
    dictionary = list(zip(_words("bdgklm", 1), _words("ptfvsz", 2), strict=True))
    draw = random.Random(seed)
    while True:
        yield _pair(draw, dictionary)


def _words(consonants: str, seed: int) -> list[str]:
    draw = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < len(NOUNS) + len(ADJECTIVES) + len(VERBS):
        syllables = (draw.choice(consonants) + draw.choice("aeiu") for _ in range(draw.randint(1, 3)))
        words["".join(syllables)] = None
    return list(words)


def _pair(draw: random.Random, dictionary: list[tuple[str, str]]) -> AlignedPair:
    source: list[str] = []
    target: list[str] = []
    links: list[str] = []

    def render(word: int, at: int) -> None:
        links.append(f"{at}-{len(target)}")
        target.append(dictionary[word][1])

    def phrase() -> None:
        first, adjectives, noun = len(source), draw.choices(ADJECTIVES, k=draw.choice([0, 0, 1, 2])), draw.choice(NOUNS)
        source.extend(dictionary[word][0] for word in (*adjectives, noun))
        links.append(f"{len(source) - 1}?{len(target)}")
        target.append("xo")
        render(noun, len(source) - 1)
        for place, adjective in enumerate(adjectives):
            render(adjective, first + place)

    for _ in range(draw.choice([1, 2])):
        phrase()
        verb = draw.choice(VERBS)
        source.extend((*["do"] * draw.choice([0, 1]), dictionary[verb][0]))
        at = len(source) - 1
        phrase()
        render(verb, at)
    return AlignedPair(" ".join(source), " ".join(target), " ".join(links))
