"""The prompt of `transduce translate` on a terminal."""

import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from itertools import count

from transduce.cli import streams
from transduce.models.model import Model
from transduce.tasks.outputs import Output
from transduce.workflows.predict.line_batches import Line
from transduce.workflows.predict.notes import Notes
from transduce.workflows.predict.output_lines import Columns
from transduce.workflows.predict.stream import LineFormat, LineOptions, Stream, one_line


def converse(model: Model, line_options: LineOptions, prefix: str = "") -> int:
    """Asks for a line, prints its translation, until Ctrl-D."""
    with suppress(ImportError):  # not everywhere; with it, lines can be edited and called back
        import readline  # noqa: F401
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    stream = Stream(model, line_options, Notes(most=math.inf))
    streams.write(f"{model.name}: type a line; Ctrl-D ends\n")
    for number in count(1):
        try:
            line = input("> ")
        except EOFError:
            streams.write("\n")
            break
        if line.strip():
            question = Line(number, "your line", line.replace("\0", ""), prefix)
            streams.write(_answer(stream, question, line_options.line_format))
    return 0


def _answer(stream: Stream, line: Line, line_format: LineFormat) -> str:
    """The outputs, or why there are none."""
    outputs, refusal = stream.translate([line])
    if refusal is not None:
        return f"(not translated: {refusal})\n"
    return _columns(line_format, outputs[0]) if isinstance(line_format, Columns) else line_format(line, outputs[0])


def _columns(line_format: Columns, outputs: Sequence[Output]) -> str:
    """The columns as people read them."""
    rows = []
    for output in outputs:
        score = f"{output.score:8.3f}  " if line_format.ranked else ""
        sure = f"{output.confidence:6.1%}  " if line_format.confidence else ""
        rows.append(f"{score}{sure}{one_line(output.text)}\n")
    return "".join(rows)
