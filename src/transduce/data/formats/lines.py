"""Reads lines by strict rules and in bounded memory, also from .gz and .zst files.

A line ends at b"\\n" and nowhere else; the last line may lack it. The reader removes a UTF-8 byte order mark at the start
of a line and one carriage return at its end (CRLF files), and counts both. A line with NUL, not in UTF-8, or longer than
the limit is a *bad line*: the reader stops there with file and line, or drops and counts it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BufferedIOBase, BufferedReader
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from transduce.data.findings import Findings
from transduce.data.formats.compression import bytes_read, unpacked
from transduce.data.formats.conversion import HEAD, command, invalid_utf8_advice, to_utf8, utf_16_without_mark
from transduce.data.records import counted

BLOCK = 1 << 20  # bytes
CORRECT = "correct the line"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MARKS = (  # (first bytes, encoding); UTF-32 before UTF-16, whose mark has the same first bytes
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
NOT_TEXT = (  # (first bytes, kind of file, advice)
    (b"\x1f\x8b", "compressed (gzip)", "name it .gz or unpack it"),
    (b"\xfd7zXZ\x00", "compressed (xz)", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd)", "name it .zst or unpack it"),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
)


Items = Callable[[Path], Iterator[str]]
NO_ITEMS: Mapping[Path, Items] = MappingProxyType({})


@dataclass(frozen=True)
class LineRules:
    """Rules for bad lines.

    bad_lines: "drop" counts it, "error" stops and names the setting that drops it, "stop" is for reading without settings.
    """

    bad_lines: Literal["error", "drop", "stop"] = "error"
    max_line_bytes: int = 1_000_000
    max_row_lines: int = 100  # of a .csv; a quote that is not closed swallows the rows up to the next one


class BadLine(NamedTuple):
    """A line that cannot be used: `reason` is its kind, `detail` belongs to this line.

    `text` is the readable text, with U+FFFD for the rest; None for a line that is too long. advice: what to do.
    """

    where: str
    reason: str
    detail: str = ""
    text: str | None = None
    advice: str = CORRECT


@dataclass(frozen=True)
class FileFacts:
    """Results of one pass over a file: its number of lines and the hash of its unpacked content.

    `stamp` shows changes to the file: its size and the time of the last change.
    """

    path: Path
    lines: int
    sha256: str
    stamp: tuple[int, ...] = field(default=(), compare=False)

    def require_unchanged(self) -> None:
        """ValueError if the content differs from that of the pass."""
        if not self.path.exists() or (self.new_stamp() != self.stamp and self.again() != self):
            raise ValueError(f"{self.path}: changed during reading; start again when it is complete")

    def new_stamp(self) -> tuple[int, ...]:
        return stamp(self.path)

    def again(self) -> "FileFacts":
        """The results of another pass."""
        return facts(self.path, empty=True)


def stamp(path: Path) -> tuple[int, ...]:
    """Shows changes to a file: its size and the time of the last change. ValueError for no file."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def facts(path: Path, progress: Callable[[int], object] = lambda read: None, empty: bool = False) -> FileFacts:
    """Lines and hash of a file; `progress` gets the number of bytes of the file for each block.

    ValueError for an unreadable file, for an empty one unless `empty` allows it, and for one whose lines end at carriage
    returns alone.
    """
    digest, newlines, returns, before, last = hashlib.sha256(), 0, 0, 0, b""
    with open_text(path) as stream:
        before_reading = stamp(path)
        while block := stream.read(BLOCK):
            digest.update(block)
            newlines += block.count(b"\n")
            returns += block.count(b"\r")
            last = block[-1:]
            progress(bytes_read(stream) - before)
            before = bytes_read(stream)
    if not last and not empty:
        raise ValueError(f"{path}: the file is empty")
    if newlines <= 1 and returns >= newlines + 2 and not empty:
        raise ValueError(
            f"{path}: is one line with {returns:,} carriage returns, the line ends of old Macs; convert it: "
            + command(str(path), r"tr '\r' '\n'")
        )
    return FileFacts(path, newlines + (last not in (b"", b"\n")), digest.hexdigest(), before_reading)


def open_text(path: Path) -> BufferedReader:
    """The file's bytes, unpacked if it is named .gz or .zst.

    ValueError for a file that is missing, not regular, unreadable, of another compression than its extension, or not UTF-8
    text by its first bytes; later, from reading, for damaged or truncated compressed data.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "a device or pipe, which cannot be read twice"
        raise ValueError(f"{path}: is {kind}, expected a file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
    with ExitStack() as stack:  # closes a refused file
        stream = unpacked(stack.enter_context(file), path)
        head = stream.peek(HEAD)
        encoding = next((name for mark, name in MARKS if head.startswith(mark)), utf_16_without_mark(head))
        if encoding is not None:
            raise ValueError(f"{path}: is {encoding} text, not UTF-8 text; {to_utf8(str(path), encoding)}")
        for start, kind, advice in NOT_TEXT:
            if head.startswith(start):
                raise ValueError(f"{path}: is {kind}, not UTF-8 text; {advice}")
        stack.pop_all()
    return stream


def lines(path: Path, max_line_bytes: int = LineRules.max_line_bytes) -> Iterator[str]:
    """The lines of one file, with empty ones, without line ends; ValueError with file and line for the first bad line."""
    with open_text(path) as stream:
        yield from good_lines(stream, str(path), max_line_bytes)


def good_lines(stream: BufferedIOBase, name: str, max_line_bytes: int = LineRules.max_line_bytes) -> Iterator[str]:
    """The same of an open file or pipe called `name`."""
    for line in stream_lines(stream, name, max_line_bytes, Findings()):
        if isinstance(line, BadLine):
            raise ValueError(f"{message(line)}; {line.advice}")
        yield line


def stream_lines(stream: BufferedIOBase, name: str, max_line_bytes: int, findings: Findings) -> Iterator[str | BadLine]:
    """Each line of an open file or pipe called `name`, as text or as a BadLine.

    Needs little more memory than `max_line_bytes`, even for endless lines.
    """
    number = 0
    while raw := stream.readline(max_line_bytes + 5):  # byte order mark, \r and \n beside the text
        number += 1
        if raw.startswith(BYTE_ORDER_MARK):  # also after the first line, in concatenated files
            raw = raw.removeprefix(BYTE_ORDER_MARK)
            findings.noted.add("byte order mark removed", f"{name}:{number}")
        if raw.endswith(b"\n"):
            raw = raw[:-1]
        elif len(raw) > max_line_bytes:
            _skip_rest_of_line(stream)
        if raw.endswith(b"\r"):
            raw = raw[:-1]
            findings.noted.add("carriage return removed", f"{name}:{number}")
        yield _decoded(raw, name, number, max_line_bytes)


def _skip_rest_of_line(stream: BufferedIOBase) -> None:
    while block := stream.readline(BLOCK):
        if block.endswith(b"\n"):
            return


def _decoded(raw: bytes, name: str, number: int, max_line_bytes: int) -> str | BadLine:
    if len(raw) > max_line_bytes:
        return BadLine(f"{name}:{number}", "line too long", f"more than {counted(max_line_bytes, 'byte')}")
    if b"\0" in raw:
        detail = f"at byte {raw.index(0) + 1} of the line"
        return BadLine(f"{name}:{number}", "NUL character", detail, raw.decode(errors="replace"))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        place = f"0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
        text = raw.decode(errors="replace")
        advice = f"{invalid_utf8_advice(raw, name)}; otherwise {CORRECT}"
        return BadLine(f"{name}:{number}", "invalid UTF-8", place, text, advice)


def aligned(
    paths: Sequence[Path], rules: LineRules, findings: Findings, items: Mapping[Path, Items] = NO_ITEMS
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line number, that line of every file); ValueError with all counts for files with different numbers of lines.

    items: the readers of files that hold other items than lines.

    >>> list(aligned([Path("a.en"), Path("a.de")], LineRules(), Findings()))
    [(1, ('one', 'eins')), (2, ('two', 'zwei'))]
    """
    with ExitStack() as stack:
        sides = [
            items[path](path)
            if path in items
            else stream_lines(stack.enter_context(open_text(path)), str(path), rules.max_line_bytes, findings)
            for path in paths
        ]
        rows: Iterator[tuple[Any, ...]] = zip_longest(*sides)
        for number, row in enumerate(rows, 1):
            if None in row:
                if not items:
                    require_equal_lines([facts(path) for path in paths])
                raise ValueError(f"{paths[row.index(None)]}: ends before the other files; each needs as many items")
            if BadLine in map(type, row):
                drop_or_stop(next(line for line in row if isinstance(line, BadLine)), rules, findings)
            else:
                yield number, row


def require_equal_lines(files: Sequence[FileFacts]) -> None:
    """ValueError, with every file and its number of lines, unless all numbers are equal."""
    if len({file.lines for file in files}) > 1:
        counts = ", ".join(f"{file.path} has {file.lines:,}" for file in files)
        raise ValueError(
            f"aligned files need equally many lines, but {counts}; line N of every file must be one record"
        )


def drop_or_stop(bad: BadLine, rules: LineRules, findings: Findings) -> None:
    """Count a bad line as dropped or raise a ValueError, by the rules."""
    if rules.bad_lines == "stop":
        raise ValueError(f"{message(bad)}; {bad.advice}")
    if rules.bad_lines == "error":
        raise ValueError(f'{message(bad)}; {bad.advice}, or set data.bad-lines = "drop" to leave it out')
    findings.dropped.add(bad.reason, bad.where, bad.detail)


def message(bad: BadLine) -> str:
    """'train.en:17: invalid UTF-8 (0xff at byte 5 of the line)'."""
    return f"{bad.where}: {bad.reason}" + (f" ({bad.detail})" if bad.detail else "")
