"""Translate: lines in, lines out, in order and while they come."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from transduce.data.records import counted
from transduce.models.model import Model
from transduce.tasks.outputs import LineError, Output, in_order
from transduce.terminal import ProgressBar, progress_bar
from transduce.text.tags import tags_of_source
from transduce.workflows.predict.line_batches import Line, T
from transduce.workflows.predict.method import Method
from transduce.workflows.predict.notes import Notes

LINE_BREAKS = re.compile("[\r\n]")

Outputs = Sequence[Sequence[Output]]  # of each line, best first
LineFormat = Callable[[Line, Sequence[Output]], str]  # whole lines, with their ends
Beside = Callable[[Sequence[Line], Outputs], object]


def one_line(text: str) -> str:
    """Line feeds and carriage returns become spaces."""
    return LINE_BREAKS.sub(" ", text)


def best_text(line: Line, outputs: Sequence[Output]) -> str:
    """The best output on a line of its own. (Others are in `output_lines`.)"""
    return f"{one_line(outputs[0].text)}\n"


@dataclass(frozen=True)
class LineOptions:
    """How each line is translated and written.

    tags: of every line. long: for a source longer than the model takes, translate its beginning with a warning, or raise
    ValueError. line_format: writes a line and its outputs.
    """

    method: Method
    tags: tuple[str, ...] = ()
    long: Literal["cut", "refuse"] = "cut"
    line_format: LineFormat = best_text


R = TypeVar("R")


def before_refusal(batch: Sequence[T], predict: Callable[[Sequence[T]], list[R]]) -> tuple[list[R], ValueError | None]:
    """The results of `predict` for the lines before the first that it refuses by LineError, and the refusal, if any.

    A refusal of an earlier line may come after one of a later line: so it tries until it refuses none.
    """
    refusal = None
    while True:
        try:
            return predict(batch), refusal
        except LineError as error:  # raised before any prediction
            refusal = ValueError(f"{batch[error.place].where}: {error.what}")
            batch = batch[: error.place]


class Stream:
    """Translates batch after batch; each line's place in all of them is what its random draws depend on.

    A blank line gives a blank line. `notes` get what a person should know. ValueErrors name the line by its file.
    """

    def __init__(self, model: Model, line_options: LineOptions, notes: Notes) -> None:
        model.processors.tokenizer("source").tag_ids(
            tags_of_source(line_options.tags)
        )  # those that cannot be are refused before anything is read
        self._model, self._line_options, self._notes = model, line_options, notes
        self._place = 0

    def translate(
        self, batch: Sequence[Line], bar: ProgressBar | None = None
    ) -> tuple[list[list[Output]], ValueError | None]:
        """The outputs of the lines, or of those before the first that is refused, and why that one is."""
        results, refusal = before_refusal(batch, lambda lines: self._outputs(lines, bar))
        for place, (line, outputs) in enumerate(zip(batch, results, strict=False)):
            if outputs[0].source_cut and self._line_options.long == "refuse":
                return results[:place], ValueError(f"{line.where}: {self._too_long()}")
            self._note(line, outputs)
        return results, refusal

    def _outputs(self, batch: Sequence[Line], bar: ProgressBar | None) -> list[list[Output]]:
        line_options = self._line_options
        texts = [line.text for line in batch]
        results = line_options.method.outputs(
            self._model,
            texts,
            tags=[line_options.tags] * len(batch) if line_options.tags else None,
            prefixes=[line.prefix for line in batch] if any(line.prefix for line in batch) else None,
            first_place=self._place,
        )
        outputs = list(in_order(results if bar is None else bar.counted(results)))
        if line_options.method.settings.sampling is not None:
            self._place += line_options.method.places(texts)
        return outputs

    def _note(self, line: Line, outputs: Sequence[Output]) -> None:
        output, method = outputs[0], self._line_options.method
        if len(outputs) < method.settings.n_best and line.text.strip() and not method.least_risk:
            what = f"n-best is {method.settings.n_best}, but only {counted(len(outputs), 'different output')} can be written"
            self._notes.add("fewer outputs than n-best", line.where, f"{what} within the longest length")
        if output.source_cut:
            what = f"{self._too_long()}; only its beginning was translated"
            self._notes.add("sources longer than the model takes", line.where, what)
        if not output.ended:
            what = "the output was cut" if method.language is None else "the output of a sentence was cut"
            self._notes.add("outputs cut at their longest length", line.where, f"{what} at its longest length")

    def _too_long(self) -> str:
        source = "the source" if self._line_options.method.language is None else "a sentence of the source"
        return f"{source} is longer than the {self._model.generation.max_source:,} tokens that this model takes"


def translate_stream(
    model: Model,
    batches: Iterable[Sequence[Line]],
    write: Callable[[str], object],
    line_options: LineOptions,
    total: int | None = None,
    beside: Beside | None = None,
) -> None:
    """Writes the translations of each batch as soon as it is done: whole lines, with their ends.

    A progress bar counts to `total` lines, if given. `beside` gets the lines of each batch with their outputs. ValueError
    where a line is refused, after everything before it was written; so it is with errors that `batches` raises.
    """
    with Notes() as notes, progress_bar("line", total, hidden=total is None) as bar:
        stream = Stream(model, line_options, notes)
        for batch in batches:
            results, refusal = stream.translate(batch, bar)
            lines = batch[: len(results)]
            if results:
                write("".join(map(line_options.line_format, lines, results)))
                if beside is not None:
                    beside(lines, results)
            if refusal is not None:
                raise refusal
