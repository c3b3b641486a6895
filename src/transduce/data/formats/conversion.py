"""Text files in other encodings than UTF-8 or with other line ends: how they are recognised, and the commands that convert
them.
"""

import shlex
from pathlib import Path

from transduce.data.formats.compression import unpacked_name

HEAD = 512  # bytes that show UTF-16
UNPACK = {".gz": "zcat", ".zst": "zstdcat"}
CODE_PAGE = "WINDOWS-1252"  # of Western Europe
PUNCTUATION = (
    "\u20ac\u201a\u201e\u2026\u2018\u2019\u201c\u201d\u2022\u2013\u2014\xab\xbb\xb0\xa7\xbf\xa1\xa0"  # of its texts
)


def command(name: str, filter_command: str) -> str:
    """The shell command that filters a file into a new one: `tr '\\r' '\\n' < a.tsv > new-a.tsv`."""
    path = Path(name)
    file, new = shlex.quote(name), shlex.quote(str(path.with_name(f"new-{unpacked_name(path).name}")))
    unpack = UNPACK.get(path.suffix.lower())
    return f"{unpack} {file} | {filter_command} > {new}" if unpack else f"{filter_command} < {file} > {new}"


def to_utf8(name: str, encoding: str) -> str:
    """`convert it: iconv -f UTF-16 -t UTF-8 < a.tsv > new-a.tsv`."""
    return "convert it: " + command(name, f"iconv -f {encoding} -t UTF-8")


def utf_16_without_mark(head: bytes) -> str | None:
    """UTF-16LE or UTF-16BE for the first bytes of such a text, in which a half of every space or Latin letter is 0."""
    head = head[:HEAD]
    first, second = head[::2].count(0), head[1::2].count(0)
    if min(first, second) > 0 or max(first, second) < max(3, len(head) / 20):
        return None
    return "UTF-16LE" if second else "UTF-16BE"


def invalid_utf8_advice(raw: bytes, name: str) -> str:
    """The advice for a line that is not UTF-8. A line with few bytes above 127 and many letters is Western European text."""
    high = sum(byte > 127 for byte in raw)
    letters = sum(bytes([byte]).isalpha() for byte in raw)
    if high * 2 <= letters and _is_western(raw):
        return f"the file looks like {CODE_PAGE} or Latin-1: {to_utf8(name, CODE_PAGE)}"
    return f"if the whole file has another encoding, {to_utf8(name, 'ENCODING')}"


def _is_western(raw: bytes) -> bool:
    """Whether the bytes are text in the code page, and none of its characters is UTF-8: else one line is damaged."""
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        return False
    signs = [char for char in text if not char.isascii()]
    return raw.decode(errors="ignore").isascii() and all(char.isalpha() or char in PUNCTUATION for char in signs)
