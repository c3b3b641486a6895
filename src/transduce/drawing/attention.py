"""Maps of attention weights between tokens: one large map, or a small one for each head.

Rows are queries, columns are keys; darker cells have larger weights. Sizes are in inches of 100 dots. For any number of
tokens and heads, a picture is at most about 30 inches wide and high.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from transduce.drawing.labels import Label, labels
from transduce.terminal import screen_width

DPI, POINT = 100, 1 / 72
WIDTH = 0.68  # of a letter, in heights of the font
HANDY, LARGEST = 10.0, 24.0  # of all cells of a picture together: target and maximum
CELL = (0.16, 0.5)  # of one cell of a large map: minimum and maximum
ROOM_FOR_LABEL, ROOM_FOR_SLANT, ROOM_FOR_VALUE = 0.085, 0.3, 0.45  # smallest cell with them
PANEL, ROOMY = (3.0, 6.0), 0.13  # the map of one head: minimum and maximum, and the target of its cells
GAP = 0.35  # between the maps of heads
MOST_NUMBERS = 6  # along a side without room for labels
COLOURS = "Blues"
NO_FONT = "A number alone: no installed font has the letters of this token."
DARK = 0.6  # of the largest weight: figures on darker cells are white


@dataclass(frozen=True)
class Side:
    """The tokens along one side of a map, and its title: `Side("source", ["▁the", "▁cat", "</s>"])`."""

    name: str
    tokens: Sequence[str]


@dataclass(frozen=True)
class _Margins:
    """Around the cells."""

    left: float
    top: float
    right: float = 1.3
    bottom: float = 0.3


def token_map(values: Float[np.ndarray, "T S"], rows: Side, columns: Side, title: str, unit: str) -> Figure:
    """One large map with a label for every token; `unit` is the unit of its colours."""
    longer = max(values.shape)
    cell = min(max(HANDY / longer, CELL[0]), CELL[1], LARGEST / longer)
    size, slant = min(9.0, 0.85 * cell / POINT), 45 if cell >= ROOM_FOR_SLANT else 90
    marks = labels(rows.tokens), labels(columns.tokens)
    over = _extent(marks[1], size) * math.sin(math.radians(slant))
    margins = _Margins(_extent(marks[0], size) + 0.5, over + 0.9, 1.3 + (over if slant == 45 else 0.0))
    figure, ((axes,),) = _grid(margins, (1, 1), (values.shape[1] * cell, values.shape[0] * cell))
    image = _draw(axes, values, float(values.max(initial=0.0)))
    _label(axes, marks, size, slant)
    axes.set_ylabel(rows.name)
    axes.set_xlabel(columns.name)
    if cell >= ROOM_FOR_VALUE:
        _write_values(axes, values)
    _finish(figure, image, margins, title, unit)
    _explain_numbers(figure, marks)
    return figure


def head_maps(values: Float[np.ndarray, "H T S"], rows: Side, columns: Side, title: str, unit: str) -> Figure:
    """A map for each head on one scale, with labels at the left and above if there is room for them."""
    heads, height, width = values.shape
    across = math.ceil(math.sqrt(heads))
    grid = math.ceil(heads / across), across
    longer = max(height, width)
    cell = min(max(PANEL[0], ROOMY * longer), PANEL[1], LARGEST / across) / longer
    size = min(8.0, 0.85 * cell / POINT)
    marks = (labels(rows.tokens), labels(columns.tokens)) if cell >= ROOM_FOR_LABEL else ([], [])
    margins = _Margins(_extent(marks[0], size) + 0.6, _extent(marks[1], size) + 1.1)
    figure, panels = _grid(margins, grid, (width * cell, height * cell))
    for place, axes in enumerate(axes for row in panels for axes in row):
        if place >= heads:
            axes.set_visible(False)
            continue
        image = _draw(axes, values[place], float(values.max(initial=0.0)))
        outer = place % across == 0, place < across
        _label(axes, marks, size, 90) if marks[0] else _number(axes, height, width)
        axes.tick_params(left=outer[0], labelleft=outer[0], top=outer[1], labeltop=outer[1])
        name = axes.annotate(f"head {place + 1}", (0.5, 0.0), (0, -4), "axes fraction", "offset points", fontsize=9)
        name.set(ha="center", va="top")
    panels[0][0].set_ylabel(rows.name)
    panels[0][0].set_xlabel(columns.name)
    _finish(figure, image, margins, title, unit)
    _explain_numbers(figure, marks)
    return figure


def _grid(margins: _Margins, grid: tuple[int, int], panel: tuple[float, float]) -> tuple[Figure, list[list[Axes]]]:
    """A figure with panels of one size, (width, height), of exactly this size."""
    down, across = grid
    inner = across * panel[0] + (across - 1) * GAP, down * panel[1] + (down - 1) * GAP
    width, height = inner[0] + margins.left + margins.right, inner[1] + margins.top + margins.bottom
    figure = Figure(figsize=(width, height), dpi=DPI)
    rows = figure.subplots(
        down,
        across,
        squeeze=False,
        gridspec_kw={
            "left": margins.left / width,
            "right": 1 - margins.right / width,
            "top": 1 - margins.top / height,
            "bottom": margins.bottom / height,
            "wspace": GAP / panel[0],
            "hspace": GAP / panel[1],
        },
    )
    return figure, [list(row) for row in rows]


def _draw(axes: Axes, values: np.ndarray, most: float) -> AxesImage:
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.spines[:].set_color("#c9cdd2")
    return axes.imshow(values, cmap=COLOURS, vmin=0.0, vmax=most or 1.0, aspect="auto", interpolation="nearest")


def _label(axes: Axes, marks: tuple[Sequence[Label], Sequence[Label]], size: float, slant: int) -> None:
    for axis, side in ((axes.yaxis, marks[0]), (axes.xaxis, marks[1])):
        axis.set_ticks(range(len(side)), [label.text for label in side], parse_math=False)
        axis.set_tick_params(length=2, width=0.5)
        for text, label in zip(axis.get_ticklabels(), side, strict=True):
            text.set_fontproperties(label.font)
            text.set_fontsize(size)
    for text in axes.get_xticklabels():
        text.set(rotation=slant, rotation_mode="anchor", ha="left", va="center" if slant == 90 else "baseline")


def _number(axes: Axes, rows: int, columns: int) -> None:
    """Numbers of some tokens, counted from 1, for a side without room for labels."""
    for axis, tokens in ((axes.yaxis, rows), (axes.xaxis, columns)):
        step = next(step for step in (1, 2, 5, 10, 20, 50, 10**9) if tokens / step <= MOST_NUMBERS)
        numbers = [1, *range(max(step, 2), tokens + 1, step)]
        axis.set_ticks([number - 1 for number in numbers], [str(number) for number in numbers])
        axis.set_tick_params(labelsize=7)


def _write_values(axes: Axes, values: np.ndarray) -> None:
    most = values.max(initial=0.0)
    for (row, column), value in np.ndenumerate(values):
        if value >= 0.005:
            colour = "white" if value > DARK * most else "#33393f"
            axes.text(
                column,
                row,
                f"{value:.2f}".removeprefix("0") if value < 0.995 else "1",
                ha="center",
                va="center",
                color=colour,
                fontsize=7,
            )


def _finish(figure: Figure, image: AxesImage, margins: _Margins, title: str, unit: str) -> None:
    width, height = figure.get_size_inches()
    figure.text(0.15 / width, 1 - 0.12 / height, title, va="top", ha="left", fontsize=11, parse_math=False)
    tall = min(2.0, height - margins.top - margins.bottom)
    bar = figure.add_axes((1 - 0.95 / width, 1 - (margins.top + tall) / height, 0.12 / width, tall / height))
    figure.colorbar(image, cax=bar)
    bar.tick_params(labelsize=7, length=2)
    bar.set_ylabel(unit, fontsize=8)


def _explain_numbers(figure: Figure, marks: tuple[Sequence[Label], Sequence[Label]]) -> None:
    if any(label.stands_in for side in marks for label in side):
        width, height = figure.get_size_inches()
        figure.text(0.15 / width, 0.08 / height, NO_FONT, va="bottom", ha="left", fontsize=8, color="#57606a")


def _extent(marks: Sequence[Label], size: float) -> float:
    """About the longest label's length, in inches, at a font size in points."""
    return max((screen_width(label.text) for label in marks), default=0) * WIDTH * size * POINT
