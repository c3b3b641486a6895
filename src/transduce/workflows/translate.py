"""Translate: lines in, lines out, in order and while they come."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from transduce.workflows.line_batches import Line
from transduce.workflows.model import Model, Translation

LINE_BREAKS = re.compile("[\r\n]")


@dataclass(frozen=True)
class Wanted:
    """What is wanted of each line.

    beam: hypotheses kept open; None for the model's own setting.
    n_best: None for one line of text per line. A number gives that many lines per line (fewer where the model finds
        fewer, one for a blank line), "line number TAB rank TAB score TAB text".
    long: what happens to a source longer than the model takes: its beginning is translated and that is said, or
        ValueError.
    """

    beam: int | None = None
    n_best: int | None = None
    long: Literal["cut", "refuse"] = "cut"


def translate_stream(
    model: Model,
    batches: Iterable[Sequence[Line]],
    write: Callable[[str], object],
    say: Callable[[str], object],
    wanted: Wanted = Wanted(),
    progress: Callable[[int], object] | None = None,
) -> None:
    """Writes the translations of each batch as soon as it is done: whole lines, with their ends.

    A blank line gives a blank line. `say` gets what a person should know. `progress` hears the number of lines just
    translated. ValueError where a line is refused, after everything before it was written; so it is with errors that
    `batches` raises.
    """
    n_best = 1 if wanted.n_best is None else wanted.n_best
    for batch in batches:
        results = model.translate_n_best([line.text for line in batch], wanted.beam, n_best, progress)
        kept, refusal = _long_sources(model, batch, results, say, wanted)
        shown = (_shown(batch[place], results[place], wanted.n_best is not None) for place in range(kept))
        if kept:
            write("".join(shown))
        if progress is not None:
            progress(sum(not line.text.strip() for line in batch))  # the model does not count blank lines
        if refusal is not None:
            raise refusal


def _long_sources(
    model: Model,
    batch: Sequence[Line],
    results: Sequence[Sequence[Translation]],
    say: Callable[[str], object],
    wanted: Wanted,
) -> tuple[int, ValueError | None]:
    """How many lines of the batch are to be written, and the error for the line after them if one is refused."""
    limit = model.spec.generation.max_source
    for place, outputs in enumerate(results):
        if outputs[0].source_cut:
            what = f"{batch[place].where}: the source is longer than the {limit:,} tokens that this model takes"
            if wanted.long == "refuse":
                return place, ValueError(what)
            say(f"{what}; only its beginning was translated")
    return len(batch), None


def _shown(line: Line, outputs: Sequence[Translation], numbered: bool) -> str:
    if not numbered:
        return f"{one_line(outputs[0].text)}\n"
    rows = (f"{line.number}\t{rank}\t{o.score:.6f}\t{one_line(o.text)}\n" for rank, o in enumerate(outputs, 1))
    return "".join(rows)


def one_line(text: str) -> str:
    """Line feeds and carriage returns become spaces."""
    return LINE_BREAKS.sub(" ", text)
