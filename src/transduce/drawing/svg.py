"""SVG documents, built as text: equal numbers give equal documents on every machine.

Colours suit light and dark browsers: attributes give the light ones, and a style sheet replaces them in the dark.
"""

from html import escape

from transduce.terminal import harmless, screen_width

LETTER = 0.62  # width of a letter in heights of the font
INK, PAPER, LINE = "#24292f", "#ffffff", "#c9cdd2"
STYLE = (
    "<style>@media (prefers-color-scheme: dark) {"
    " .paper { fill: #0d1117 } .ink { fill: #e6edf3 } .line { stroke: #57606a }"
    " .positive { fill: #1f6feb } .negative { fill: #bd561d } }</style>"
)


def document(width: float, height: float, content: str, title: str) -> str:
    """A whole SVG document around its elements. Their classes `ink`, `line`, `positive`, `negative` get dark colours."""
    w, h = length(width), length(height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
        f'font-family="ui-sans-serif, system-ui, sans-serif">\n<title>{_escape(title)}</title>\n{STYLE}\n'
        f'<rect class="paper" width="{w}" height="{h}" rx="6" fill="{PAPER}"/>\n{content}</svg>\n'
    )


def text_element(x: float, y: float, text: str, anchor: str, size: float, more: str = "", colour: str = INK) -> str:
    """A line of text, escaped. anchor: "start", "middle" or "end", the part of it that stands at x. more: attributes."""
    ink = ' class="ink"' if colour == INK else ""
    place = f'x="{length(x)}" y="{length(y)}" text-anchor="{anchor}" font-size="{length(size)}"'
    return f'<text{ink} {place} fill="{colour}"{more}>{_escape(text)}</text>\n'


def text_width(text: str, size: float) -> float:
    """About the width in pixels, with letters of this height."""
    return screen_width(harmless(text)) * LETTER * size


def length(value: float) -> str:
    """Pixels with at most one decimal."""
    return f"{round(value, 1):g}"


def _escape(text: str) -> str:
    return escape(harmless(text))
