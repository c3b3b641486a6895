"""Texts of others for a terminal: unable to act on it."""

import re

BREAKS = re.compile("[\t\r\n]")
# controls, ends of lines and paragraphs, directions, halves of pairs
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """On one line, with what would act on a terminal spelled out: `harmless("a\\x1b[31m b") == "a\\\\x1b[31m b"`."""
    return ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), BREAKS.sub(" ", text))


def harmless_lines(text: str) -> str:
    """The same for text whose lines shall stay lines."""
    return "\n".join(map(harmless, text.split("\n")))
