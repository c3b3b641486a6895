"""Shared parts of pictures: colours, plain axes, and output files."""

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transduce.files import write_atomically

GREY, BLUE = "#8a8f98", "#0b5cad"
# Okabe and Ito 2008, without the yellow: distinct for colour-blind readers too
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P")


def plain(axes: Axes) -> None:
    """A light grid behind the data, without a frame above and on the right."""
    axes.grid(color="#e3e5e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Writes a .png or .svg file atomically. ValueError for another extension."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise ValueError(f"{path}: a picture's name must end in .png or .svg")
    if path.suffix.lower() == ".svg":
        write_atomically(path, svg(figure))
    else:
        out = io.BytesIO()
        figure.savefig(out, format="png")  # with the Agg backend, whatever pyplot is set to
        write_atomically(path, out.getvalue())


def svg(figure: Figure) -> str:
    """The picture as an SVG document; equal figures give equal text."""
    out = io.StringIO()
    # letters as outlines, which look the same everywhere; fixed ids
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "transduce"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
