"""The learning curve of a run as a PNG: loss above, the scores of its validations below, both over the steps."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from transduce.drawing.pictures import BLUE, COLOURS, GREY, MARKERS, plain, save

Event = Mapping[str, Any]
Points = list[tuple[float, float]]  # (step, value)

TRAIN, DEV = GREY, BLUE
NO_SCORES = {"kind", "step", "loss", "perplexity"}  # keys of a validation event that the lower panel leaves out
TOP = 105.0  # percent that the lower panel shows
FEW = 60  # points; a longer line does without markers


def learning_curve(events: Sequence[Event], path: Path) -> None:
    """Draws the events of a metrics.jsonl into `path`, which changes as a whole or not at all."""
    save(learning_curve_figure(events), path)


def learning_curve_figure(events: Sequence[Event]) -> Figure:
    """The learning curve of the events of a metrics.jsonl.

        {"kind": "train", "step": 20, "loss": 8.1, "nll": 7.9, ...}
        {"kind": "validation", "step": 500, "loss": 4.2, "perplexity": 66.7, "chrf": 31.0, ...}

    The upper panel compares like with like: negative log-likelihood in nats per target token, without label smoothing,
    of the training batches (`nll`) and of the dev set (`loss`). Values that are no finite numbers are left out.
    """
    figure = Figure(figsize=(8, 7), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw_loss(upper, events)
    _draw_scores(lower, events)
    for axes in (upper, lower):
        _finish(axes)
    lower.set_xlabel("step")
    return figure


def _draw_loss(axes: Axes, events: Sequence[Event]) -> None:
    training = _points(events, "train", "nll") or _points(events, "train", "loss")
    _line(axes, training, "train", TRAIN, "")
    _line(axes, _points(events, "validation", "loss"), "dev", DEV, "o")
    axes.set_ylabel("loss (nats per token)")
    axes.set_title("loss", loc="left")


def _draw_scores(axes: Axes, events: Sequence[Event]) -> None:
    names: dict[str, None] = {}  # a set that keeps the order
    for event in events:
        if event.get("kind") == "validation":
            names |= {name: None for name in event if name.split(" (")[0] not in NO_SCORES}
    for place, name in enumerate(sorted(names)):
        points = _points(events, "validation", name)
        _line(axes, points, name, COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
    _crop(axes)
    axes.set_ylabel("score (percent)")
    axes.set_title("dev scores", loc="left")


def _crop(axes: Axes) -> None:
    """Error rates of a model that has learned nothing yet go into the thousands; they run off the top."""
    values = [float(value) for line in axes.lines for value in np.asarray(line.get_ydata())]
    if values and min(values) <= TOP < max(values):
        axes.set_ylim(bottom=min(0.0, min(values)), top=TOP)


def _points(events: Sequence[Event], kind: str, name: str) -> Points:
    """Step and value of each event of a kind that has a finite number under `name`, by step."""
    found = ((event.get("step"), event.get(name)) for event in events if event.get("kind") == kind)
    return sorted((float(step), float(value)) for step, value in found if _is_number(step) and _is_number(value))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _line(axes: Axes, points: Points, name: str, colour: str, marker: str) -> None:
    """One line; its legend entry ends with its last value. A single point, which makes no line, gets a marker."""
    if not points:
        return
    steps, values = zip(*points, strict=True)
    if len(points) == 1:
        marker = marker or "o"
    elif len(points) > FEW:
        marker = ""
    width = 1.2 if colour == TRAIN else 1.8
    label = f"{name}  {values[-1]:.4g}"
    axes.plot(steps, values, color=colour, marker=marker or "None", markersize=4, linewidth=width, label=label)


def _finish(axes: Axes) -> None:
    plain(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, place: f"{step:,.0f}"))
    if axes.lines:
        # outside, so that no line is hidden however the curves run
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, title="last value")
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center", va="center", color=TRAIN)
