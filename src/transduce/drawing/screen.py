"""How text stands on a terminal."""

import unicodedata


def screen_width(text: str) -> int:
    """How many columns of a terminal a text takes: `screen_width("a猫") == 3`. Marks above and below letters take none."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":  # vowels and ends in Hangul
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
