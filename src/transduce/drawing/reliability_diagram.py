"""A reliability diagram: a model's accuracy by its confidence."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from transduce.drawing.pictures import BLUE, COLOURS, GREY, plain
from transduce.evaluation.calibration import Bin


def reliability_diagram(bins: Sequence[Bin], expected_error: float) -> Figure:
    """A point for each bin, its mean confidence and the share right, with a line to where the two are equal."""
    figure = Figure(figsize=(6, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    confidences, accuracies = [each.confidence for each in bins], [each.accuracy for each in bins]
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="as confident as right")
    axes.vlines(confidences, accuracies, confidences, color=COLOURS[1], linewidth=1.5)
    axes.plot(confidences, accuracies, "o-", color=BLUE, markersize=5, label="bins of equal count")
    axes.set(xlabel="mean confidence of the first choice", ylabel="right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"expected calibration error {100 * expected_error:.1f} %", loc="left")
    axes.legend(frameon=False, loc="upper left")
    plain(axes)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure
