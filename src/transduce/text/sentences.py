"""Running text to sentences and back, by the rules of the `sentencex` library (Wikimedia), every character kept.

    split("Come in.  Sit down!", "en")  ->  [Sentence("Come in.", "  "), Sentence("Sit down!", "")]
    join(those, ["Komm rein.", "Setz dich!"])  ->  "Komm rein.  Setz dich!"

The library knows the abbreviations of some 60 languages and falls back to related languages, and then to English, for
others. Three things of it are mended here: boundaries within "config.Toml" and "z.B.", sentences without a letter
("2."), and its crash at white space of several bytes.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sentencex

from transduce.text.spelling import refuse_surrogates

WINDOW = 4_000  # characters that the library sees at once: its time can grow with their square
LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
NO_BREAK_SPACE = re.compile("(?<!\\s)[\u00a0\u2007\u202f](?!\\s)")
WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")  # white space that takes several bytes


@dataclass(frozen=True)
class Sentence:
    """A sentence and the white space `after` it. Its text is empty only for white space at the very beginning."""

    text: str
    after: str


def split(paragraph: str, language: str) -> list[Sentence]:
    """The sentences of a text: `"".join(s.text + s.after for s in split(text, "en")) == text` for every text.

    `language` is an ISO 639 code, of which the part before a hyphen counts ("pt-BR" is "pt"); one that the library does
    not know gets the rules of English. ValueError for what is no code, and for text with lone surrogates.
    """
    code = language_code(language)
    refuse_surrogates(paragraph)
    pieces = [paragraph[start:end] for start, end in pairwise([0, *_ends(paragraph, code)])]
    found: list[Sentence] = []
    for piece in _with_letters(pieces):
        stripped = piece.strip()
        before, after = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
        if not stripped:
            before, after = piece, ""
        if before and found:
            found[-1] = Sentence(found[-1].text, found[-1].after + before)
        elif before:
            found.append(Sentence("", before))
        if stripped:
            found.append(Sentence(stripped, after))
    return found


def join(sentences: Sequence[Sentence], translations: Sequence[str]) -> str:
    """The text of the translations, one for each sentence, with the white space that stood between the sentences.

    Where there was none ("你好。请坐。") but the translation's script needs it, one space is put.
    """
    both = list(zip(sentences, translations, strict=True))
    parts = [left[1] + _gap(left, right) for left, right in pairwise(both)]
    return "".join(parts + [translation + sentence.after for sentence, translation in both[-1:]])


def _gap(left: tuple[Sentence, str], right: tuple[Sentence, str]) -> str:
    """What stands between two sentences' translations."""
    if left[0].after:
        return left[0].after
    spaced = _is_spaced(left[1], right[1]) and not _is_spaced(left[0].text, right[0].text)
    return " " if spaced or _breaks_plainly(left[1], right[1]) else ""


def language_code(language: str) -> str:
    """The part of a code that rules depend on: `language_code("pt-BR") == "pt"`. ValueError for what is no code."""
    found = LANGUAGE.fullmatch(language)
    if found is None:
        raise ValueError(f"expected a language code such as en, de or pt-BR, found {language!r}")
    return found[1].lower()


def _ends(text: str, code: str) -> Iterator[int]:
    """Where sentences end, the end of the text included."""
    plain = _one_byte_spaces(text)
    start = 0
    while start < len(plain):
        window = plain[start : start + WINDOW]
        pieces = sentencex.segment(code, window)
        if start + WINDOW < len(plain) and len(pieces) > 1:
            pieces.pop()  # it may go on; it is seen again at the start of the next window
        for piece in pieces:
            start += len(piece)
            if start == len(plain) or _is_boundary(text[start - 1], text[start]):
                yield start


def _one_byte_spaces(text: str) -> str:
    """A text of the same length for the library to look at, which crashes at "M" + U+00A0 + ".".

    A no-break space between words becomes a letter: nothing breaks there.
    """
    return WIDE_SPACE.sub(" ", NO_BREAK_SPACE.sub("_", text))


def _is_boundary(last: str, following: str) -> bool:
    """Whether a sentence may end between these characters: at white space, or where scripts need none."""
    return last.isspace() or not last.isascii() or _is_wide(following)


def _breaks_plainly(left: str, right: str) -> bool:
    """Whether a full stop or the like, of ASCII, would stand right before a letter that is not wide."""
    return bool(left and right) and left[-1].isascii() and not left[-1].isspace() and not _is_wide(right[0])


def _is_spaced(left: str, right: str) -> bool:
    """Whether what is next to a gap, on both sides, is of scripts that put spaces between words, as Korean and Hindi do."""
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
    """Whether it is of East Asian writing, where sentences may follow each other without a space."""
    return unicodedata.east_asian_width(char) in "WF"


def _with_letters(pieces: Sequence[str]) -> Iterator[str]:
    """Pieces without a letter ("2. ") go with the piece after them, or with the one before where none comes after."""
    lettered = [place for place, piece in enumerate(pieces) if any(map(str.isalpha, piece))]
    cuts = [0, *(place + 1 for place in lettered[:-1]), len(pieces)]
    return ("".join(pieces[start:end]) for start, end in pairwise(cuts))
