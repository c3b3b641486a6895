"""What a sample is made of: words with their counts, and the alphabet."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from transduce.text.spelling import SPACE

LONGEST = 24  # characters of a word; what is longer is learned from in parts
JOINERS = "\u200c\u200d"  # stand within words of Persian and the scripts of India


def count_words(spelled: Iterable[str]) -> Counter[str]:
    """Counts what stands behind each "▁": `count_words(["▁a▁▁b", "▁a"]) == {"a": 2, "": 1, "b": 1}`."""
    words: Counter[str] = Counter()
    for text in spelled:
        words.update(text.split(SPACE)[1:])
    return words


def count_characters(words: Mapping[str, int]) -> Counter[str]:
    """Counts the characters of counted words: `count_characters({"aab": 2}) == {"a": 4, "b": 2}`."""
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            characters[character] += count
    return characters


def by_count(counts: Mapping[str, int]) -> list[str]:
    """Most frequent first, ties in the order of code points."""
    return sorted(counts, key=lambda item: (-counts[item], item))


def covering(characters: Mapping[str, int], share: float) -> list[str]:
    """The fewest characters, most frequent first, that make up `share` of the text.

    `covering({"a": 90, "b": 9, "c": 1}, 0.99) == ["a", "b"]`
    """
    kept: list[str] = []
    missing = sum(characters.values()) * share
    for character in by_count(characters):
        if missing <= 0:
            break
        kept.append(character)
        missing -= characters[character]
    return kept


def split_words(words: Mapping[str, int], alphabet: Iterable[str]) -> dict[str, int]:
    """Splits words where letters, digits and other characters meet, since no piece shall hold two sorts of them.

    The "▁" in front stays with what follows; characters outside the alphabet are left out.

        split_words({"don't": 3, "(2": 1}, "▁don't(2") == {"▁don": 3, "'": 3, "t": 3, "▁(": 1, "2": 1}
    """
    parts = re.compile(_pattern(alphabet))
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for part in parts.findall(SPACE + word):
            counts[part] += count
    return dict(counts)


def _pattern(alphabet: Iterable[str]) -> str:
    sorts: dict[str, str] = {}
    for character in alphabet:
        if character != SPACE:
            sort = _sort(character)
            sorts[sort] = sorts.get(sort, "") + re.escape(character)
    return "|".join([*(f"{SPACE}?[{members}]{{1,{LONGEST}}}" for members in sorts.values()), SPACE])


def _sort(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LM" or character in JOINERS:  # letters with their marks
        return "letter"
    return "digit" if category[0] == "N" else "other"
