"""Texts of others on a terminal: in columns, and unable to act on it."""

import re
from collections.abc import Iterable, Sequence

from transduce.drawing.screen import screen_width

BREAKS = re.compile("[\t\r\n]")
# controls, ends of lines and paragraphs, directions, halves of pairs
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """On one line, with what would act on a terminal spelled out: `harmless("a\\x1b[31m b") == "a\\\\x1b[31m b"`."""
    return ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), BREAKS.sub(" ", text))


def table(rows: Iterable[Sequence[str]], sides: str = "") -> str:
    """Columns two spaces apart, as wide as their widest cell. Rows may have different numbers of cells.

    sides: "l" or "r" for each column, the side that its cells stand at; by default the left.
    """
    cells = [[harmless(cell) for cell in row] for row in rows]
    widths: list[int] = []
    for row in cells:
        widths += [0] * (len(row) - len(widths))
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], screen_width(cell))
    sides = sides or "l" * len(widths)
    assert len(sides) == len(widths), f"expected a side for each of {len(widths)} columns, found {sides!r}"
    return "".join(
        "  ".join(_filled(*each) for each in zip(row, widths, sides, strict=False)).rstrip() + "\n" for row in cells
    )


def _filled(cell: str, width: int, side: str) -> str:
    space = " " * (width - screen_width(cell))
    return cell + space if side == "l" else space + cell
