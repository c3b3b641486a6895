"""Counts of the words and characters of a sample, and its alphabet."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from itertools import accumulate, takewhile

from transduce.text.spelling import SPACE

LONGEST = 24  # characters of a word; a longer one is split
JOINERS = "\u200c\u200d"  # occur within words of Persian and the scripts of India


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Counts the words after each "▁": `count_words(["▁a▁▁b", "▁a"]) == {"a": 2, "": 1, "b": 1}`."""
    words: Counter[str] = Counter()
    for text in texts:
        words.update(text.split(SPACE)[1:])
    return words


def count_characters(words: Mapping[str, int]) -> Counter[str]:
    """Counts the characters of words with their counts: `count_characters({"aab": 2}) == {"a": 4, "b": 2}`."""
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            characters[character] += count
    return characters


def by_count(counts: Mapping[str, int]) -> list[str]:
    """Most frequent first; ties are ordered by code points."""
    return sorted(counts, key=lambda item: (-counts[item], item))


def affordable(words: Mapping[str, int], cost: Callable[[str], int], most: int) -> list[str]:
    """The most frequent words, as many as cost `most` in total, but at least one.

    A hash orders words of equal count. Alphabetical order would prefer one script to the next.

        affordable({"ab": 5, "c": 9, "defg": 1}, cost=len, most=3) == ["c", "ab"]
    """
    ranked = sorted(words, key=lambda word: (-words[word], blake2b(word.encode(), digest_size=8).digest()))
    return ranked[: max(1, len(list(takewhile(lambda total: total <= most, accumulate(map(cost, ranked))))))]


def covering(characters: Mapping[str, int], share: float) -> list[str]:
    """The fewest characters, most frequent first, that cover `share` of the text.

    `covering({"a": 90, "b": 9, "c": 1}, 0.99) == ["a", "b"]`
    """
    alphabet: list[str] = []
    missing = sum(characters.values()) * share
    for character in by_count(characters):
        if missing <= 0:
            break
        alphabet.append(character)
        missing -= characters[character]
    return alphabet


def split_words(words: Mapping[str, int], alphabet: Iterable[str]) -> dict[str, int]:
    """Splits words between letters, digits and other characters, so that no piece has two sorts of them.

    The "▁" in front stays with the next part; characters outside the alphabet are left out.

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
