"""Heat maps of small matrices as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transduce.drawing.svg import LINE, document, length, text_element, text_width

FONT, SMALL = 13.0, 11.0  # sizes of letters, in pixels like all lengths here
CELL = 26.0  # height of a cell, and its least width
WIDEST = 72.0  # cell of a column whose label is level; longer labels stand upright
NO_NUMBERS = 16.0  # side of a cell without a number
MOST_NUMBERS = 16  # columns of a matrix with numbers
GAP, MARGIN = 40.0, 12.0  # between matrices, and around them
STRONG = 0.6  # opacity of a cell from which its number is white
POSITIVE, NEGATIVE = "#0b5cad", "#c2410c"


@dataclass(frozen=True)
class Matrix:
    """Numbers with a label for each row and column, or without labels: `Matrix([[1.0, -2.0]], title="input")`."""

    values: Sequence[Sequence[float]]
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    title: str = ""

    def __post_init__(self) -> None:
        shape = len(self.values), len(self.values[0]) if self.values else 0
        for count, labels, name in zip(shape, (self.rows, self.columns), ("rows", "columns"), strict=True):
            if labels and len(labels) != count:
                raise ValueError(f"the matrix has {count} {name}, but there are {len(labels)} labels of {name}")
        if any(len(row) != shape[1] for row in self.values):
            raise ValueError(f"rows of a matrix have one length, found {sorted({len(row) for row in self.values})}")


@dataclass(frozen=True)
class _Layout:
    """Sizes of one matrix: a cell, the space for labels at the left and above, the title."""

    cell: tuple[float, float]
    left: float
    top: float
    upright: bool
    title: float

    def size(self, matrix: Matrix) -> tuple[float, float]:
        across = self.left + self.cell[0] * (len(matrix.values[0]) if matrix.values else 0)
        return max(across, self.title), self.top + self.cell[1] * len(matrix.values)


def matrix_svg(values: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str], title: str = "") -> str:
    """A heat map: stronger colours for larger sizes, another colour for negative values, numbers where there is space.

    ValueError if the labels do not fit the values; no labels at all are allowed.
    """
    return matrices_svg([Matrix(values, rows, columns, title)])


def matrices_svg(matrices: Sequence[Matrix], title: str = "") -> str:
    """Heat maps side by side, each with its own scale of colours, such as the input and the output of a layer."""
    layouts = [_layout(matrix) for matrix in matrices]
    sizes = [layout.size(matrix) for layout, matrix in zip(layouts, matrices, strict=True)]
    above = MARGIN + (FONT + 12.0 if title else 0.0)
    parts, x = [], MARGIN
    for matrix, layout, (width, _) in zip(matrices, layouts, sizes, strict=True):
        parts.append(f'<g transform="translate({length(x)} {length(above)})">\n{_draw(matrix, layout)}</g>\n')
        x += width + GAP
    width = max(x - GAP, MARGIN + text_width(title, FONT)) + MARGIN
    height = above + max((size[1] for size in sizes), default=0.0) + MARGIN
    head = text_element(MARGIN, MARGIN + FONT, title, "start", FONT) if title else ""
    return document(width, height, head + "".join(parts), title or "; ".join(matrix.title for matrix in matrices))


def number(value: float) -> str:
    """At most two decimals: 0.25, 1.5, -3, 1234, 1.2e+05. Machines that differ in the last bits give the same text."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if abs(value) >= 10_000:
        return f"{value:.1e}"
    text = f"{round(value, 6):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _layout(matrix: Matrix) -> _Layout:
    across = len(matrix.values[0]) if matrix.values else 0
    labels = max((text_width(label, SMALL) for label in matrix.columns), default=0.0) + 8
    if across > MOST_NUMBERS:
        cell = NO_NUMBERS, NO_NUMBERS
    else:
        longest = max((text_width(number(value), SMALL) for row in matrix.values for value in row), default=0.0) + 8
        cell = max(CELL, longest, labels if labels <= WIDEST else 0.0), CELL
    upright = labels > cell[0]
    above = (labels if upright else FONT + 6.0) if matrix.columns else 0.0
    left = max((text_width(label, SMALL) + 6 for label in matrix.rows), default=0.0)
    top = above + (FONT + 8.0 if matrix.title else 0.0)
    return _Layout(cell, left, top, upright, text_width(matrix.title, FONT))


def _draw(matrix: Matrix, layout: _Layout) -> str:
    (width, height), left, top = layout.cell, layout.left, layout.top
    parts = [text_element(0.0, FONT, matrix.title, "start", FONT)] if matrix.title else []
    for place, label in enumerate(matrix.columns):
        x, y = left + (place + 0.5) * width, top - 6
        if layout.upright:
            parts.append(
                text_element(x + 4, y, label, "start", SMALL, f' transform="rotate(-90 {length(x + 4)} {length(y)})"')
            )
        else:
            parts.append(text_element(x, y, label, "middle", SMALL))
    for place, label in enumerate(matrix.rows):
        parts.append(text_element(left - 6, top + (place + 0.5) * height + 4, label, "end", SMALL))
    most = max((abs(value) for row in matrix.values for value in row if math.isfinite(value)), default=0.0)
    for down, row in enumerate(matrix.values):
        for across, value in enumerate(row):
            parts.append(_cell((left + across * width, top + down * height), layout.cell, value, most))
    return "".join(parts)


def _cell(corner: tuple[float, float], size: tuple[float, float], value: float, most: float) -> str:
    """A cell; its opacity is the size of its value as a share of the largest, with a number unless the cell is small."""
    opacity = round(round(abs(value) / most, 6), 2) if most and math.isfinite(value) else 0.0
    place = f'x="{length(corner[0])}" y="{length(corner[1])}" width="{length(size[0])}" height="{length(size[1])}"'
    name, colour = ("negative", NEGATIVE) if value < 0 else ("positive", POSITIVE)
    cell = (
        f'<rect class="{name} line" {place} fill="{colour}" fill-opacity="{opacity:g}" stroke="{LINE}" '
        'stroke-width="0.5"/>\n'
    )
    if size[1] == NO_NUMBERS:
        return cell
    middle = corner[0] + size[0] / 2, corner[1] + size[1] / 2 + 4
    if opacity < STRONG:
        return cell + text_element(*middle, number(value), "middle", SMALL)
    return cell + text_element(*middle, number(value), "middle", SMALL, colour="#ffffff")
