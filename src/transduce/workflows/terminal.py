"""Texts of others on a terminal: in columns, and unable to act on it."""

from collections.abc import Iterable, Sequence

from transduce.drawing.screen import screen_width
from transduce.text.harmless import harmless, harmless_lines

__all__ = ["harmless", "harmless_lines", "table"]


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
