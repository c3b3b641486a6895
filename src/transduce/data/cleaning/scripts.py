"""Letters and their scripts, by Unicode names."""

import unicodedata
from functools import lru_cache
from typing import Literal

Script = Literal[
    "Arabic", "Armenian", "Bengali", "Bopomofo", "Cherokee", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek",
    "Gujarati", "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Japanese", "Kannada", "Katakana", "Khmer", "Korean",
    "Lao", "Latin", "Malayalam", "Mongolian", "Myanmar", "Nko", "Odia", "Sinhala", "Syriac", "Tamil", "Telugu", "Thaana",
    "Thai", "Tibetan", "Tifinagh", "Yi",
]  # fmt: skip

# prefixes of the names of a script's letters, if other than the name of the script
_CJK = ("CJK ", "IDEOGRAPHIC ")
_KANA = ("HIRAGANA ", "KATAKANA ", "KATAKANA-HIRAGANA ")
PREFIXES: dict[str, tuple[str, ...]] = {
    "Han": _CJK,
    "Japanese": (*_CJK, *_KANA),
    "Latin": ("LATIN ", "FEMININE ORDINAL ", "MASCULINE ORDINAL "),
    "Katakana": ("KATAKANA ", "KATAKANA-HIRAGANA "),
    "Korean": ("HANGUL ", *_CJK),
    "Odia": ("ORIYA ",),
}
COMMON = ("MODIFIER LETTER ", "MICRO SIGN", "MATHEMATICAL ", "DOUBLE-STRUCK ", "SCRIPT ")  # letters of no one script


def letter_share(text: str) -> float:
    """The share of letters and their marks among the characters that are not white space; 1 for blank text.

    >>> letter_share("ab 12")
    0.5
    """
    visible = [char for char in text if not char.isspace()]
    return sum(map(_is_letter, visible)) / len(visible) if visible else 1.0


def script_share(text: str, script: Script) -> float:
    """The share of a script's letters among all letters of scripts; 1 if there are none, as in numbers.

    >>> script_share("Ж b 1", "Latin")
    0.5
    """
    if script == "Latin" and text.isascii():
        return 1.0
    letters = [char for char in text if char.isalpha() and not is_common(char)]
    if not letters:
        return 1.0
    return sum(is_of(char, script) for char in letters) / len(letters)


@lru_cache(maxsize=1 << 16)
def is_of(letter: str, script: Script) -> bool:
    """Whether a letter belongs to a script: `is_of("ё", "Cyrillic")`."""
    name = unicodedata.name(letter, "").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ")
    return name.startswith(PREFIXES.get(script, (f"{script.upper()} ",)))


@lru_cache(maxsize=1 << 16)
def is_common(letter: str) -> bool:
    """Whether a letter belongs to no single script: a modifier apostrophe, a mathematical symbol."""
    return unicodedata.name(letter, "").startswith(COMMON)


@lru_cache(maxsize=1 << 16)
def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LM"
