"""The speeds as a picture: a panel for each size, a bar for each form of each system."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.training_speed.results import Run
from benchmarks.training_speed.settings import BATCH_TOKENS, SIZES
from benchmarks.training_speed.summary import OURS, Row, rows

COLOURS = {OURS: "#0072b2", "eole": "#d55e00", "joeynmt": "#009e73"}  # Okabe and Ito 2008
SLOWER = 0.35  # opacity of a system's slower forms


def draw(circumstances: Mapping[str, Any], runs: Sequence[Run], path: Path) -> None:
    """Writes a PNG; nothing where nothing has been measured."""
    panels = {size: found for size in SIZES if (found := rows(runs, size))}
    if not panels:
        return
    bars = [len(found) for found in panels.values()]
    figure = Figure(figsize=(9, 1.6 + 0.42 * sum(bars)), dpi=120, layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=bars, squeeze=False)[:, 0]
    for place, (size, found) in zip(axes, panels.items(), strict=True):
        _panel(place, size, found)
    figure.supxlabel(
        "target tokens per second, without padding; dots: rounds; in brackets: how much faster transduce is",
        fontsize=10,
    )
    threads = f"{circumstances['threads']} thread{'s' if circumstances['threads'] != 1 else ''}"
    title = f"training speed, batches of {BATCH_TOKENS:,} tokens ({circumstances['cpu']}, {threads})"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.savefig(path, format="png")


def _panel(axes: Axes, size: str, found: Sequence[Row]) -> None:
    for place, row in enumerate(found):
        axes.barh(place, row.speed, color=COLOURS[row.system], alpha=1 if row.fastest else SLOWER, height=0.7)
        axes.plot(row.speeds, [place] * len(row.speeds), "o", color="#202020", markersize=3, alpha=0.6)
        ratio = "" if row.system == OURS and row.fastest else f"   ({row.ratio:.2f}x)"
        axes.annotate(
            f"{row.speed:,.0f}{ratio}",
            (max(row.speeds), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(found)), [f"{row.title}: {row.description}" for row in found], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * max(max(row.speeds) for row in found))
    axes.set_title(size, loc="left", fontsize=10, fontweight="bold")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="x", color="#e3e5e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
