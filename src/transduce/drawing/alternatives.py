"""A picture of the alternatives at each step of an output: a row for each token, its alternatives side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from transduce.drawing.labels import Label, label_or_number, labels
from transduce.terminal import screen_width

DPI = 100
WIDTH, HEIGHT = 1.75, 0.26  # of a cell, in inches
BEYOND = 1.5  # width of the last column in cells: it has a rank too
LONGEST = 14  # screen columns of a token in a cell
COLOURS = colormaps["Blues"]
DARK = 0.6  # probability above which letters are white
FRAME = "#d55e00"


@dataclass(frozen=True)
class Choice:
    """A candidate token: its text, its id in the vocabulary, and its probability."""

    piece: str
    number: int
    probability: float


@dataclass(frozen=True)
class Row:
    """One step: the choices by probability, and the token of the output, which may be none of them."""

    choices: Sequence[Choice]
    output: Choice
    rank: int  # of the output token, from 1


def alternatives(rows: Sequence[Row], title: str) -> Figure:
    """A cell for each choice, darker for a higher probability. A frame marks the output token, in a last column if it is none
    of the choices. "#17" stands for the token with that id if no installed font can draw it.
    """
    across = max(len(row.choices) for row in rows)
    beyond = any(_is_beyond(row) for row in rows)
    marks = labels([row.output.piece for row in rows])
    left, width = 0.3 + max(screen_width(mark.text) for mark in marks) * 0.085, (across + BEYOND * beyond) * WIDTH
    inches = left + width + 0.2, 0.95 + len(rows) * HEIGHT
    figure = Figure(figsize=inches, dpi=DPI)
    axes = figure.add_axes((left / inches[0], 0.15 / inches[1], width / inches[0], len(rows) * HEIGHT / inches[1]))
    axes.set(xlim=(0, across + BEYOND * beyond), ylim=(len(rows), 0))
    names = [*(str(place + 1) for place in range(across)), *(["taken"] if beyond else [])]
    middles = [place + (BEYOND if place == across else 1) / 2 for place in range(len(names))]
    axes.set_xticks(middles, names)
    axes.set_yticks([place + 0.5 for place in range(len(rows))], [mark.text for mark in marks], parse_math=False)
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False, labelsize=8)
    for text, mark in zip(axes.get_yticklabels(), marks, strict=True):
        text.set_fontproperties(mark.font)
        text.set_fontsize(8)
    axes.spines[:].set_visible(False)
    for place, row in enumerate(rows):
        for column, choice in enumerate(row.choices):
            _cell(axes, column, place, choice, choice.number == row.output.number)
        if _is_beyond(row):
            _cell(axes, across, place, row.output, True, f", rank {row.rank:,}", BEYOND)
    figure.text(0.15 / inches[0], 1 - 0.12 / inches[1], title, va="top", ha="left", fontsize=11, parse_math=False)
    return figure


def _is_beyond(row: Row) -> bool:
    """Whether the output token is none of the choices."""
    return row.output.number not in [choice.number for choice in row.choices]


def _cell(
    axes: Axes, column: int, row: int, choice: Choice, is_output: bool, more: str = "", width: float = 1.0
) -> None:
    axes.add_patch(
        Rectangle((column, row), width, 1, facecolor=COLOURS(choice.probability), edgecolor="#c9cdd2", linewidth=0.4)
    )
    if is_output:
        frame = Rectangle(
            (column + 0.01, row + 0.06), width - 0.02, 0.88, fill=False, edgecolor=FRAME, linewidth=1.5, zorder=3
        )
        axes.add_patch(frame)
    colour = "white" if choice.probability > DARK else "#1b1f24"
    label: Label = label_or_number(choice.piece, choice.number, LONGEST)
    text = axes.text(column + 0.04, row + 0.53, label.text, ha="left", va="center", color=colour, parse_math=False)
    text.set_fontproperties(label.font)
    text.set_fontsize(8)
    axes.text(
        column + width - 0.04,
        row + 0.53,
        f"{choice.probability:.3f}{more}",
        ha="right",
        va="center",
        color=colour,
        fontsize=7,
    )
