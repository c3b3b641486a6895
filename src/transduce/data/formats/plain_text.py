"""Text files for tasks with one column: a record is a line, a paragraph (lines between blank lines) or the whole file.

Line breaks inside a record stay if the column keeps them, else they become spaces. The break at the end of a record does
not belong to it.
"""

from collections.abc import Iterator
from pathlib import Path

from transduce.data.findings import Findings
from transduce.data.formats.layout import Layout
from transduce.data.formats.lines import BadLine, LineRules, open_text, stream_lines
from transduce.data.records import Record

MOST_CHARACTERS = 100_000_000  # of a record, which is in memory
Numbered = tuple[int, str | BadLine]


def rows(path: Path, layout: Layout, rules: LineRules, findings: Findings) -> Iterator[Record | BadLine]:
    """Each record of the file, or its first bad line. ValueError for a record of more than MOST_CHARACTERS."""
    (column,) = layout.names
    line_break = "\n" if column in layout.multiline else " "
    name = str(path)
    with open_text(path) as stream:
        lines = enumerate(stream_lines(stream, name, rules.max_line_bytes, findings), 1)
        for block in _blocks(lines, layout, name, findings):
            bad = next((line for _, line in block if isinstance(line, BadLine)), None)
            where = name if layout.records == "file" else f"{name}:{block[0][0]}"
            yield bad or Record({column: line_break.join(str(line) for _, line in block)}, where)


def _blocks(lines: Iterator[Numbered], layout: Layout, name: str, findings: Findings) -> Iterator[list[Numbered]]:
    """The numbered lines of each record."""
    block: list[Numbered] = []
    characters = 0
    for number, line in lines:
        blank = isinstance(line, str) and not line.strip(" ")
        if blank and layout.records == "lines":
            findings.noted.add("blank line skipped", f"{name}:{number}")
        elif blank and layout.records == "paragraphs":
            if block:
                yield block
            block, characters = [], 0
        elif layout.records == "lines":
            yield [(number, line)]
        else:
            block.append((number, line))
            characters += len(line) if isinstance(line, str) else 0
            if characters > MOST_CHARACTERS:
                raise ValueError(
                    f"{name}:{block[0][0]}: a record of more than {MOST_CHARACTERS:,} characters; cut the file, or set "
                    'records = "lines"'
                )
    if block or layout.records == "file":
        yield block or [(1, "")]
