"""The prompt of `transduce translate` on a terminal."""

import sys
from contextlib import suppress
from io import TextIOWrapper

from transduce.cli import streams
from transduce.workflows.model import Model
from transduce.workflows.translate import Wanted, one_line


def converse(model: Model, wanted: Wanted) -> int:
    """Asks for a line, prints its translation, until Ctrl-D."""
    with suppress(ImportError):  # not everywhere; with it, lines can be edited and called back
        import readline  # noqa: F401
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    streams.write(f"{model.folder}: type a line; Ctrl-D ends\n")
    while True:
        try:
            line = input("> ")
        except EOFError:
            streams.write("\n")
            return 0
        if line.strip():
            streams.write(_answer(model, line.replace("\0", ""), wanted))


def _answer(model: Model, line: str, wanted: Wanted) -> str:
    """The outputs, one per line, with their scores where several are asked for."""
    outputs = model.translate_n_best([line], wanted.beam, wanted.n_best or 1)[0]
    if outputs[0].source_cut:
        what = f"longer than the {model.spec.generation.max_source:,} tokens that this model takes"
        if wanted.long == "refuse":
            return f"(not translated: {what})\n"
        streams.say(f"({what}; only its beginning was translated)")
    if wanted.n_best is None:
        return f"{one_line(outputs[0].text)}\n"
    return "".join(f"{output.score:8.3f}  {one_line(output.text)}\n" for output in outputs)
