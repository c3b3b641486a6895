"""The page of an inspection: its pictures, and tables in which a browser's fonts show every script."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from transduce.drawing.html_page import html_page
from transduce.drawing.labels import readable
from transduce.workflows.inspect.run import Inspection
from transduce.workflows.inspect.tables import origin_of_output, shares

MOST_CELLS = 4_000  # of a table of weights; of longer texts the pictures alone show them
COLOURS = colormaps["Blues"]
DARK = 0.6  # of the largest value: figures on darker cells are white


def page(inspection: Inspection, pictures: Sequence[tuple[str, str]]) -> str:
    """The page as text, for a folder that holds the pictures, (file name, title). All texts are escaped in it."""
    salient, mean = shares(inspection.saliency), inspection.attention.mean((0, 1))
    return html_page(
        Path(__file__).with_name("page.html.jinja"),
        {"readable": readable},
        inspection=inspection,
        origin=origin_of_output(inspection),
        pictures=pictures,
        weights=[
            ("saliency", "Saliency", _cells(salient)),
            ("attention", "Attention over the source", _cells(mean)),
        ]
        if salient.size <= MOST_CELLS
        else [],
    )


def _cells(values: np.ndarray) -> list[list[tuple[str, str, str]]]:
    """Figure, background and colour of each cell."""
    most = float(values.max(initial=0.0)) or 1.0
    return [
        [(f"{value:.2f}", to_hex(COLOURS(value / most)), "#fff" if value > DARK * most else "#1b1f24") for value in row]
        for row in values.tolist()
    ]
