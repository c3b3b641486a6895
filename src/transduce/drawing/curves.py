"""The learning curve of a run: loss, and the scores and error rates of its validations, over the steps."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from transduce.drawing.pictures import BLUE, COLOURS, GREY, MARKERS, plain

Event = Mapping[str, Any]
Points = list[tuple[float, float]]  # (step, value)

TRAIN, DEV = GREY, BLUE
NO_METRICS = {"kind", "step", "loss"}  # keys of a validation event
DASHES = {"": "-", "ema": "--", "mean": ":"}  # line styles by kind of weights
TOP = 105.0  # percent: upper end of a panel
FEW = 60  # points; a longer line has no markers


def learning_curve(
    events: Sequence[Event],
    error_rates: Collection[str] = (),
    forms_of_loss: Collection[str] = (),
    unit: str = "tokens",
) -> Figure:
    """The learning curve of the events of a metrics.jsonl.

        {"kind": "train", "step": 20, "loss": 7.9, "objective": 8.1, ...}
        {"kind": "validation", "step": 500, "loss": 4.2, "perplexity": 66.7, "chrf": 31.0, "chrf (ema)": 33.0, ...}

    The first panel has the loss of the training batches and of the dev set: negative log-likelihood in nats, a mean over
    `unit`, without label smoothing. `forms_of_loss`, such as perplexity, are not drawn. The
    next panels have scores, then the metrics in `error_rates`, for which less is better. Values other than finite numbers
    are left out.
    """
    names = [name for name in _metrics(events) if name not in forms_of_loss]
    parts = [
        ("dev scores (more is better)", [name for name in names if name not in error_rates]),
        ("dev error rates (less is better)", [name for name in names if name in error_rates]),
    ]
    panels = [part for part in parts if part[1]]
    figure = Figure(figsize=(8, 3.5 + 3.5 * len(panels)), dpi=120, layout="constrained")
    first, *others = figure.subplots(1 + len(panels), 1, sharex=True, squeeze=False)[:, 0]
    _draw_loss(first, events, unit)
    for axes, (title, metrics) in zip(others, panels, strict=True):
        _draw_metrics(axes, events, title, metrics)
    for axes in (first, *others):
        _finish(axes)
    figure.axes[-1].set_xlabel("step")
    return figure


def _draw_loss(axes: Axes, events: Sequence[Event], unit: str) -> None:
    # earlier versions wrote the loss of a training batch as `nll`, beside a `loss` with label smoothing
    training = [{**event, "loss": event["nll"]} if "nll" in event else event for event in events]
    _line(axes, _points(training, "train", "loss"), "train", TRAIN, "")
    _line(axes, _points(events, "validation", "loss"), "dev", DEV, "o")
    axes.set_ylabel(f"loss (nats, mean over {unit})")
    axes.set_title("loss", loc="left")


def _metrics(events: Sequence[Event]) -> list[str]:
    """Names of the metrics in validations, without the kind of weights: "chrf" for "chrf (ema)"."""
    names = {name.split(" (")[0] for event in events if event.get("kind") == "validation" for name in event}
    return sorted(names - NO_METRICS)


def _draw_metrics(axes: Axes, events: Sequence[Event], title: str, metrics: Sequence[str]) -> None:
    for place, metric in enumerate(metrics):
        for weights, dashes in DASHES.items():
            name = f"{metric} ({weights})" if weights else metric
            points = _points(events, "validation", name)
            _line(axes, points, name, COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], dashes)
    _crop(axes)
    axes.set_ylabel("percent")
    axes.set_title(title, loc="left")


def _crop(axes: Axes) -> None:
    """Crops error rates of an untrained model, which can exceed 1,000 percent."""
    values = [float(value) for line in axes.lines for value in np.asarray(line.get_ydata())]
    if values and min(values) <= TOP < max(values):
        axes.set_ylim(bottom=min(0.0, min(values)), top=TOP)


def _points(events: Sequence[Event], kind: str, name: str) -> Points:
    """Step and value of each event of a kind that has a finite number under `name`, by step."""
    pairs = ((event.get("step"), event.get(name)) for event in events if event.get("kind") == kind)
    return sorted((float(step), float(value)) for step, value in pairs if _is_number(step) and _is_number(value))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _line(axes: Axes, points: Points, name: str, colour: str, marker: str, dashes: str = "-") -> None:
    """One line; its legend entry ends with its last value. A single point, which makes no line, gets a marker."""
    if not points:
        return
    steps, values = zip(*points, strict=True)
    if len(points) == 1:
        marker = marker or "o"
    elif len(points) > FEW:
        marker = ""
    axes.plot(
        steps,
        values,
        label=f"{name}  {values[-1]:.4g}",
        color=colour,
        linestyle=dashes,
        linewidth=1.2 if colour == TRAIN else 1.8,
        marker=marker or "None",
        markersize=4,
    )


def _finish(axes: Axes) -> None:
    plain(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, place: f"{step:,.0f}"))
    if axes.lines:
        # outside, so that it never hides a line
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, title="last value")
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no values yet", transform=axes.transAxes, ha="center", va="center", color=TRAIN)
