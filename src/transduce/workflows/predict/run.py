"""Predict: records in, predictions out, in order, with a model of any task."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from transduce.data.columns import Column
from transduce.data.config import Corpus
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.layout import layout_of
from transduce.data.formats.lines import BadLine, LineRules, message
from transduce.data.formats.read import FORMATS
from transduce.data.records import Record
from transduce.data.tally import Findings
from transduce.decoding.config import Decoding
from transduce.models.model import Model
from transduce.tasks.outputs import LineError, Output
from transduce.tasks.task import Prediction, Task
from transduce.terminal import ProgressBar, progress_bar
from transduce.workflows.predict.line_batches import Input, arriving_batches, full_batches, lines, texts
from transduce.workflows.predict.notes import Notes
from transduce.workflows.predict.stream import one_line

TABLES = FORMATS.keys() - {".txt"}  # a line of a .txt file is a record, blank ones too


def predict_files(
    model: Model,
    names: Sequence[str],
    inputs: Callable[[Sequence[str]], Iterator[Input]],
    write: Callable[[str], object],
    as_json: bool = False,
    bar_hidden: bool = False,
) -> None:
    """Writes a line for each record of the files, batch by batch. `inputs` opens files of lines; "-" is standard input.

    ValueError with file and line for a record that cannot be read or predicted, after everything before it was written.
    """
    settings = model.decoding()
    with progress_bar(model.task.unit, hidden=bar_hidden) as bar, closing(Notes()) as notes:
        for batch in _batches(model, names, inputs):
            predictions, refusal = _before_refusal(model, batch, settings, bar)
            for record, prediction in zip(batch, predictions, strict=False):
                if isinstance(prediction, Output) and prediction.source_cut:
                    what = f"the {model.task.key} is longer than the {model.generation.max_source:,} tokens that this "
                    notes.add("longer than the model takes", record.where, f"{what}model takes; its beginning was used")
            write("".join(_json(each) if as_json else f"{one_line(each.text)}\n" for each in predictions))
            if refusal is not None:
                raise refusal


def _before_refusal(
    model: Model, batch: list[Record], settings: Decoding, bar: ProgressBar
) -> tuple[list[Prediction], ValueError | None]:
    """The predictions of the records before the first that the task refuses, and why it refuses that one."""
    refusal = None
    while True:
        try:
            return list(bar.counted(model.task.predict(model, batch, settings))), refusal
        except LineError as error:
            refusal = ValueError(f"{batch[error.place].where}: {error.what}")
            batch = batch[: error.place]


def _batches(
    model: Model, names: Sequence[str], inputs: Callable[[Sequence[str]], Iterator[Input]]
) -> Iterator[list[Record]]:
    for name in names:
        path = Path(name)
        if path.is_file() and _extension(path) in TABLES:
            yield from full_batches(_records(model, path))
        else:
            cut = full_batches if path.is_file() else arriving_batches
            for batch in cut(lines(inputs([name]))):
                yield [Record({model.task.key: line.text}, line.where) for line in batch]


def _extension(path: Path) -> str:
    return unpacked_name(path).suffix.lower()


def _records(model: Model, path: Path) -> Iterator[Record]:
    """The records of a table, blank ones too. ValueError with file and line for one that cannot be read, or has a tag that
    the model does not know.
    """
    layout = layout_of(Corpus(file=path), _columns(model.task, path))
    tokenizer = model.processors.tokenizer(model.task.key)
    for record in FORMATS[_extension(path)](path, layout, LineRules(), Findings()):
        if isinstance(record, BadLine):
            raise ValueError(f"{message(record)}; correct the line")
        try:
            tokenizer.tag_ids(record.tags)
        except ValueError as error:
            raise ValueError(f"{record.where}: {error}") from None
        yield record


def _columns(task: Task, path: Path) -> dict[str, Column]:
    """The columns to read: without the answer, but where a .tsv file has it, as columns have no names there."""
    first = next((line for line in texts(path) if line.strip(" ")), "") if _extension(path) == ".tsv" else ""
    has_answer = first.count("\t") + 1 >= len(task.columns)
    return {name: column for name, column in task.columns.items() if name != task.answer or has_answer}


def _json(prediction: Prediction) -> str:
    tree: dict[str, Any] = {"text": prediction.text, "confidence": prediction.confidence}
    probabilities = getattr(prediction, "probabilities", None)
    if probabilities is not None:
        tree["probabilities"] = dict(probabilities)
    return json.dumps(tree, ensure_ascii=False) + "\n"
