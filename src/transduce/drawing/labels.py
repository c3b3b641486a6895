"""Readable labels of tokens, in pictures with any installed fonts, and in terminals."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.font_manager import FontProperties

from transduce.drawing.fonts import DEFAULT, font_for
from transduce.terminal import screen_width

LONGEST = 20  # screen columns of a label
JOINERS = "\u200c\u200d"  # occur within words of Persian and the scripts of India, and between emoji
DOTTED_CIRCLE, SPACE, ELLIPSIS = "\u25cc", "\u2423", "\u2026"


@dataclass(frozen=True)
class Label:
    """A text and its font.

    stands_in: the text is a number in place of a token that no installed font can draw.
    """

    text: str
    font: FontProperties
    stands_in: bool = False


def readable(piece: str, longest: int = LONGEST) -> str:
    """A token for display: invisible and control characters become code points, and long tokens are cut.

    "▁cat" -> "▁cat", "\\t" -> "[U+0009]", "\\u00a0" -> "[U+00A0]", "\\u0301" -> "◌\u0301", " " -> "␣", "" -> "(empty)"
    """
    text = "".join(map(_visible, piece)) or "(empty)"
    if unicodedata.combining(text[0]) or unicodedata.category(text[0]) in ("Mn", "Mc", "Me"):
        text = DOTTED_CIRCLE + text
    if screen_width(text) <= longest:
        return text
    while screen_width(text) >= longest:
        text = text[:-1]
    return text + ELLIPSIS


def _visible(char: str) -> str:
    if char == " ":
        return SPACE
    invisible = unicodedata.category(char)[0] in "CZ" and char not in JOINERS
    return f"[U+{ord(char):04X}]" if invisible else char


def labels(pieces: Sequence[str]) -> list[Label]:
    """A label for each token along an axis.

    If no installed font has the letters of a token, its label is its number alone, counted from 1. Then all labels of the
    axis begin with their numbers, so that a legend elsewhere can refer to them.

        ["▁a", "▁b"]       ->  "▁a", "▁b"
        ["▁a", "▁猫"]      ->  "1 ▁a", "2"            where no font has the second
    """
    texts = [readable(piece) for piece in pieces]
    fonts = [font_for(text) for text in texts]
    if None not in fonts:
        return [Label(text, font) for text, font in zip(texts, fonts, strict=True) if font is not None]
    return [_numbered(number, text) for number, text in enumerate(texts, 1)]


def _numbered(number: int, text: str) -> Label:
    font = font_for(f"{number} {text}")
    return _stand_in(str(number)) if font is None else Label(f"{number} {text}", font)


def label_or_number(piece: str, number: int, longest: int = LONGEST) -> Label:
    """A label for a single token, or "#number" if no installed font has its letters."""
    text = readable(piece, longest)
    font = font_for(text)
    return _stand_in(f"#{number}") if font is None else Label(text, font)


def _stand_in(text: str) -> Label:
    return Label(text, FontProperties(family=DEFAULT), stands_in=True)
