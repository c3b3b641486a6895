"""Detection of mojibake: text decoded with the wrong encoding, such as "FranÃ§ais" or "Itâ€™s".

UTF-8 decoded as Windows-1252 (or Latin-1) turns each character into two to four: one for the leading byte ("Ã") and one
for each continuation byte ("§"). Such a sequence encodes back to the bytes of one character. Good text may contain one
too: in „Spaß“ the bytes of ß and “ are those of a letter of N'Ko. So the rules need a sequence that no language uses, or
several in a row. Of 1.4 million texts of programs in some hundred languages (the .mo files of a Debian system) the rules
match 89, and all of those are damaged.
"""
# ruff: noqa: RUF001, RUF003  (characters that are easily mistaken are what this file is about)

import re


def _read(byte: int, encoding: str) -> str:
    """A byte decoded with the wrong encoding; the five bytes that Windows-1252 lacks become controls."""
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)


CONTINUING = {_read(byte, encoding) for byte in range(0x80, 0xC0) for encoding in ("cp1252", "latin-1")}
# characters after a letter in good text: quotes, dashes, dots, marks of footnotes and of brands, a soft hyphen
USUAL = set("‚„…‹‘’“”•–—›™†‡ª«\xad®°²³·¹º»¡¿\x85\xa0")
UNUSUAL = CONTINUING - USUAL
SIGNS = UNUSUAL - set("šžŠŽœŒŸ")  # letters, which a word may end in before a usual sign: „kříž“, vidíš…


def _any(characters: set[str]) -> str:
    return f"[{re.escape(''.join(sorted(characters)))}]"


# the replacement character of decoders; Windows-1252 decoded as Latin-1, which turns its quotes into controls
# (U+0085 is a line break too)
BROKEN = re.compile("[\ufffd\x80-\x84\x86-\x9f]")
ROW = re.compile(f"[Â-ô]{_any(CONTINUING)}")  # any leading byte, and one that continues it: quick to look for
STRANGE = re.compile(
    "|".join(
        [
            f"Â{_any(CONTINUING - set('‘’“”…–—'))}",  # Â° Â» Â£ and the no-break space: Latin punctuation and signs
            f"Ã{_any(UNUSUAL | set('ª«­®°²³·¹º¡¿'))}",  # Ã¼ Ã© Ã³: Latin letters; but Portuguese may end a word in Ã
            r"(?<!\w)Ã[‚„…†‡‘’“”•–—™›](?=\w)",  # Ã„ Ã–: and no word is Ã alone
            f"[ÄÎÏÐÑ]{_any(UNUSUAL)}|È[˜š]",  # Ä‡ Î± Ð¿ Ñ€ È˜: Central European, Greek, Cyrillic, Romanian
            f"Å{_any(UNUSUAL - {'±'})}",  # Å¡; but an ångström may be given more or less
            f"â{_any(CONTINUING)}{_any(CONTINUING)}|â€",  # â€™ â€“ â‚¬ â†’: quotes, dashes, signs, arrows
            f"ã[€‚ƒ]{_any(CONTINUING)}",  # kana
            f"[äåæçèéêëìí](?:{_any(SIGNS)}{_any(CONTINUING)}|{_any(CONTINUING)}{_any(SIGNS)})",  # Han, Hangul
            f"(?:[äåæçèéêëìí]{_any(CONTINUING)}{{2}}){{2}}",  # and any two of them
            "ï[¼½]|ï»¿|ï¿½",  # wide signs, a byte order mark, U+FFFD itself
            "ðŸ",  # emoji
            f"(?:[Â-ß]{_any(CONTINUING)}){{3}}",  # Arabic, Hebrew, and all else that takes two bytes
        ]
    )
)


def is_damaged(text: str) -> bool:
    """Whether a text shows signs of a wrong encoding.

    >>> is_damaged("FranÃ§ais"), is_damaged("Français"), is_damaged("„Spaß“")
    (True, False, False)
    """
    if text.isascii():
        return False
    if BROKEN.search(text):
        return True
    return ROW.search(text) is not None and STRANGE.search(text) is not None
