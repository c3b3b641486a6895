"""Splits running text into sentences and joins them again without loss, by the rules of `sentencex` (Wikimedia).

    split("Come in.  Sit down!", "en")  ->  [Sentence("Come in.", "  "), Sentence("Sit down!", "")]
    join(those, ["Komm rein.", "Setz dich!"])  ->  "Komm rein.  Setz dich!"

The library knows the abbreviations of some 60 languages. For others it falls back to related languages, and then to
English. This module corrects three of its faults: boundaries within "config.Toml" and "z.B.", sentences without a letter
("2."), and a crash at white space of several bytes.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sentencex

from transduce.text.spelling import refuse_surrogates

WINDOW = 4_000  # characters for one call of the library: its time can grow with their square
LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
NO_BREAK_SPACE = re.compile("(?<!\\s)[\u00a0\u2007\u202f](?!\\s)")
WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")  # white space that takes several bytes


@dataclass(frozen=True)
class Sentence:
    """A sentence and the white space `after` it. Only white space at the start of a text has an empty sentence."""

    text: str
    after: str


def split(paragraph: str, language: str) -> list[Sentence]:
    """The sentences of a text: `"".join(s.text + s.after for s in split(text, "en")) == text` for every text.

    `language` is an ISO 639 code; the part after a hyphen is ignored ("pt-BR" is "pt"). An unknown code gets the rules of
    English. ValueError for a malformed code, and for text with lone surrogates.
    """
    code = language_code(language)
    refuse_surrogates(paragraph)
    pieces = [paragraph[start:end] for start, end in pairwise([0, *_ends(paragraph, code)])]
    sentences: list[Sentence] = []
    for piece in _with_letters(pieces):
        stripped = piece.strip()
        before, after = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
        if not stripped:
            before, after = piece, ""
        if before and sentences:
            sentences[-1] = Sentence(sentences[-1].text, sentences[-1].after + before)
        elif before:
            sentences.append(Sentence("", before))
        if stripped:
            sentences.append(Sentence(stripped, after))
    return sentences


def join(sentences: Sequence[Sentence], translations: Sequence[str]) -> str:
    """The text of the translations, one for each sentence, with the white space of the original sentences.

    Adds one space if the original has none ("你好。请坐。") but the script of the translation needs it.
    """
    both = list(zip(sentences, translations, strict=True))
    parts = [left[1] + _gap(left, right) for left, right in pairwise(both)]
    return "".join(parts + [translation + sentence.after for sentence, translation in both[-1:]])


def _gap(left: tuple[Sentence, str], right: tuple[Sentence, str]) -> str:
    """The white space between the translations of two sentences."""
    if left[0].after:
        return left[0].after
    spaced = _is_spaced(left[1], right[1]) and not _is_spaced(left[0].text, right[0].text)
    return " " if spaced or _breaks_plainly(left[1], right[1]) else ""


def language_code(language: str) -> str:
    """The language of a code: `language_code("pt-BR") == "pt"`. ValueError for a malformed code."""
    match = LANGUAGE.fullmatch(language)
    if match is None:
        raise ValueError(f"expected a language code such as en, de or pt-BR, found {language!r}")
    return match[1].lower()


def _ends(text: str, code: str) -> Iterator[int]:
    """The ends of the sentences, the last of which is the end of the text."""
    plain = _one_byte_spaces(text)
    start = 0
    while start < len(plain):
        window = plain[start : start + WINDOW]
        pieces = sentencex.segment(code, window)
        if start + WINDOW < len(plain) and len(pieces) > 1:
            pieces.pop()  # it may be incomplete: the next window begins with it
        for piece in pieces:
            start += len(piece)
            if start == len(plain) or _is_boundary(text[start - 1], text[start]):
                yield start


def _one_byte_spaces(text: str) -> str:
    """A text of the same length for the library, which crashes at "M" + U+00A0 + ".".

    A no-break space between words becomes a letter, which prevents a boundary.
    """
    return WIDE_SPACE.sub(" ", NO_BREAK_SPACE.sub("_", text))


def _is_boundary(last: str, following: str) -> bool:
    """Whether a sentence may end between these characters: at white space, or in scripts without spaces."""
    return last.isspace() or not last.isascii() or _is_wide(following)


def _breaks_plainly(left: str, right: str) -> bool:
    """Whether ASCII punctuation would touch a letter that is not wide."""
    return bool(left and right) and left[-1].isascii() and not left[-1].isspace() and not _is_wide(right[0])


def _is_spaced(left: str, right: str) -> bool:
    """Whether the characters on both sides of a gap belong to scripts with spaces between words, such as Korean and Hindi."""
    before = next(filter(str.isalnum, reversed(left)), None)
    after = next(filter(str.isalnum, right), None)
    return (
        before is not None
        and after is not None
        and not left[-1].isspace()
        and not _is_wide(left[-1])
        and _has_spaces(before)
        and _has_spaces(after)
    )


def _has_spaces(char: str) -> bool:
    return not _is_wide(char) or unicodedata.name(char, "").startswith(("HANGUL", "HALFWIDTH HANGUL"))


def _is_wide(char: str) -> bool:
    """Whether the character is East Asian; these scripts have no space between sentences."""
    return unicodedata.east_asian_width(char) in "WF"


def _with_letters(pieces: Sequence[str]) -> Iterator[str]:
    """Joins pieces without a letter ("2. ") to the next piece, or at the end to the one before."""
    lettered = [place for place, piece in enumerate(pieces) if any(map(str.isalpha, piece))]
    cuts = [0, *(place + 1 for place in lettered[:-1]), len(pieces)]
    return ("".join(pieces[start:end]) for start, end in pairwise(cuts))
