"""A reliability diagram: a model's accuracy by its confidence."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from transduce.drawing.pictures import BLUE, COLOURS, GREY, plain
from transduce.evaluation.calibration import Bin


def reliability_diagram(bins: Sequence[Bin], expected_error: float) -> Figure:
    """Accuracy as bars, with a line to the mean confidence of each bin; below, the share of tokens in each bin."""
    figure = Figure(figsize=(6, 6.5), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middles = [(each.low + each.high) / 2 for each in bins]
    widths = [0.92 * (each.high - each.low) for each in bins]
    accuracies = [each.accuracy for each in bins]
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="as confident as right")
    upper.bar(middles, accuracies, widths, color=COLOURS[4], label="share right")
    confidences = [each.confidence for each in bins]
    upper.vlines(confidences, accuracies, confidences, color=COLOURS[1], linewidth=1.5)
    upper.plot(confidences, confidences, "o", color=COLOURS[1], markersize=4, label="mean confidence")
    upper.set(ylabel="right", ylim=(0, 1.02))
    upper.set_title(f"expected calibration error {100 * expected_error:.1f} %", loc="left")
    upper.legend(frameon=False, loc="upper left")
    total = sum(each.tokens for each in bins)
    lower.bar(middles, [each.tokens / total for each in bins], widths, color=BLUE)
    lower.set(xlabel="confidence of the first choice", ylabel="share of all", xlim=(0, 1))
    for axes in (upper, lower):
        plain(axes)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure
