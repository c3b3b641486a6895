"""Line charts as SVG, built as text."""

import math
from collections.abc import Callable, Mapping, Sequence

from transduce.drawing.pictures import COLOURS
from transduce.drawing.svg import LINE, document, length, text_element

WIDTH, HEIGHT = 420.0, 220.0  # of the area of the lines, in pixels
LEFT, RIGHT, TOP, BOTTOM = 62.0, 16.0, 16.0, 46.0
ROW = 18.0  # of the legend
TICKS = 5
SMALL = 11.0
DASHES = ("", "6 3", "2 3", "8 3 2 3")  # lines differ without colours too


def lines_svg(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    powers_of_two: bool = False,
) -> str:
    """Lines by name over the same increasing x. powers_of_two: the distance of x values is that of their logarithms."""
    if len(x) < 2:
        raise ValueError(f"a line needs at least two places on the x axis, found {len(x)}")
    ys = [value for line in lines.values() for value in line]
    low, high = min(ys), max(ys)
    scale: Callable[[float], float] = math.log2 if powers_of_two else float
    left, right = scale(x[0]), scale(x[-1])
    top = TOP + ROW * (len(lines) + bool(title))

    def across(value: float) -> float:
        return LEFT + (scale(value) - left) / (right - left) * WIDTH

    def down(value: float) -> float:
        return top + (high - value) / ((high - low) or 1.0) * HEIGHT

    parts = [text_element(LEFT, TOP + 4, title, "start", 13.0)] if title else []
    for tick in _ticks(low, high):
        y = down(tick)
        parts.append(_rule(LEFT, y, LEFT + WIDTH, y) + text_element(LEFT - 6, y + 4, f"{tick:g}", "end", SMALL))
    for tick in x if powers_of_two else _ticks(x[0], x[-1]):
        parts.append(text_element(across(tick), top + HEIGHT + 16, f"{tick:g}", "middle", SMALL))
    parts.append(text_element(LEFT + WIDTH / 2, top + HEIGHT + 36, x_label, "middle", SMALL))
    if y_label:
        turn = f' transform="rotate(-90 14 {length(top + HEIGHT / 2)})"'
        parts.append(text_element(14.0, top + HEIGHT / 2, y_label, "middle", SMALL, turn))
    for place, (name, line) in enumerate(lines.items()):
        points = " ".join(f"{length(across(a))},{length(down(b))}" for a, b in zip(x, line, strict=True))
        colour, dash = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
        style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        key = TOP + ROW * (place + bool(title))
        parts.append(f'<polyline points="{points}" {style}/>\n')
        if len(lines) > 1:
            parts.append(
                f'<path d="M {LEFT} {key} h 30" {style}/>\n' + text_element(LEFT + 38, key + 4, name, "start", SMALL)
            )
    return document(LEFT + WIDTH + RIGHT, top + HEIGHT + BOTTOM, "".join(parts), title or ", ".join(lines))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high, about TICKS of them: _ticks(-2, 2) == [-2, -1, 0, 1, 2]."""
    rough = (high - low or 1.0) / (TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.7)
    return [
        round(place * step, 10) for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{length(x1)}" y1="{length(y1)}" x2="{length(x2)}" y2="{length(y2)}"'
    return f'<line class="line" {ends} stroke="{LINE}" stroke-width="0.5"/>\n'
