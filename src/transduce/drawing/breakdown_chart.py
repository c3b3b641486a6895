"""Scores of the parts of a test set, such as sentences of similar length, for one or more systems side by side."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from transduce.drawing.pictures import COLOURS, GREY, MARKERS, plain

Point = tuple[float, float, float]  # value, and the ends of its interval

SPREAD = 0.5  # width of the points of all systems, as a share of the distance between parts


def scores_by_part(
    systems: Sequence[str],
    parts: Sequence[str],
    sentences: Sequence[int],
    points: Sequence[Sequence[Point | None]],
    labels: tuple[str, str],
) -> Figure:
    """Points with their intervals, `points[system][part]`, above bars for the number of sentences in each part.

    `labels` are those of the parts ("length in words") and of the score ("chrf"). None stands for no point.
    """
    figure = Figure(figsize=(max(6.0, 1.0 + 0.9 * len(parts)), 5), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for place, (system, row) in enumerate(zip(systems, points, strict=True)):
        shift = SPREAD * ((place + 0.5) / len(systems) - 0.5)
        coordinates = [(x + shift, *point) for x, point in enumerate(row) if point is not None]
        if coordinates:
            xs, values, lows, highs = zip(*coordinates, strict=True)
            colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
            upper.vlines(xs, lows, highs, color=colour, linewidth=1.5)
            upper.plot(xs, values, marker, color=colour, label=system)
    upper.set_ylabel(labels[1])
    if len(systems) > 1:
        upper.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    lower.bar(range(len(parts)), sentences, 0.6, color=GREY)
    lower.set(xlabel=labels[0], ylabel="sentences", xticks=range(len(parts)), xticklabels=parts)
    for axes in (upper, lower):
        plain(axes)
    return figure
