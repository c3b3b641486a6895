"""Text whose encoding was mistaken somewhere on its way, so that it reads "FranÃ§ais" or "Itâ€™s".

UTF-8 that was read as Windows-1252 (or Latin-1) turns each character into two to four: one that stands for a leading
byte ("Ã") and others that stand for the bytes that continue it ("§"). Such a row encodes back to the bytes of one
character. But a good text may hold one too: in „Spaß“ the bytes of ß and “ are those of a letter of N'Ko. So it takes a
row that no language writes, or several of them and nothing else beyond ASCII.
"""
# ruff: noqa: RUF001, RUF003  (characters that are easily mistaken are what this file is about)

import re


def _read(byte: int, encoding: str) -> str:
    """What a byte becomes when it is read in the wrong encoding; the five bytes that Windows-1252 lacks are controls."""
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)


CONTINUING = {_read(byte, encoding) for byte in range(0x80, 0xC0) for encoding in ("cp1252", "latin-1")}
# what may follow a letter in good text: quotes, dashes, dots, marks of footnotes and of brands, a soft hyphen
USUAL = set("‚„…‹‘’“”•–—›™†‡ª«\xad®°²³·¹º»¡¿\x85\xa0")
UNUSUAL = CONTINUING - USUAL


def _any(characters: set[str]) -> str:
    return f"[{re.escape(''.join(sorted(characters)))}]"


STRANGE = re.compile(
    "|".join(
        [
            "\ufffd",  # what decoders put in place of bytes they cannot read
            "[\x80-\x84\x86-\x9f]",  # Windows-1252 read as Latin-1: its quotes become controls (U+0085 is a line break too)
            f"Â{_any(CONTINUING - set('‘’“”…–—'))}",  # Â° Â» Â£ and the no-break space: Latin punctuation and signs
            f"Ã{_any(UNUSUAL | set('ª«­®°²³·¹º¡¿'))}",  # Ã¼ Ã© Ã³: Latin letters; but Portuguese may end a word in Ã
            f"[ÄÎÏÐÑ]{_any(UNUSUAL)}",  # Ä‡ Î± Ð¿ Ñ€: Central European, Greek, Cyrillic
            f"Å{_any(UNUSUAL - {'±'})}",  # Å¡; but an ångström may be given more or less
            f"â{_any(CONTINUING)}{_any(CONTINUING)}|â€",  # â€™ â€“ â‚¬ â†’: quotes, dashes, signs, arrows
            f"ã[€\x81‚ƒ]{_any(CONTINUING)}",  # kana
            f"[äåæçèéêëìí](?:{_any(UNUSUAL)}{_any(CONTINUING)}|{_any(CONTINUING)}{_any(UNUSUAL)})",  # Han, Hangul
            "ï[¼½]|ï»¿|ï¿½",  # wide signs, a byte order mark, U+FFFD itself
            "ðŸ",  # emoji
        ]
    )
)
LEAST = 3  # rows without which a text that encodes back as a whole counts as good


def is_damaged(text: str) -> bool:
    """Whether a text bears the marks of a mistaken encoding.

    >>> is_damaged("FranÃ§ais"), is_damaged("Français"), is_damaged("„Spaß“")
    (True, False, False)
    """
    return not text.isascii() and (STRANGE.search(text) is not None or _encodes_back(text))


def _encodes_back(text: str) -> bool:
    """Whether all that is not ASCII gives, as Windows-1252, the UTF-8 of several characters: Arabic and Hebrew that was
    misread has little else that is strange.
    """
    try:
        back = text.encode("cp1252").decode()
    except UnicodeError:
        return False
    return sum(not char.isascii() for char in back) >= LEAST
