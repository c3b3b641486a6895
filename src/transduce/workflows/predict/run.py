"""Predict: records in, predictions out, in order, with a model of any task."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from transduce.data.config import Corpus
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import FORMATS, read_records
from transduce.data.records import Record
from transduce.data.tally import Findings
from transduce.models.model import Model, as_record
from transduce.tasks.task import Prediction, Task
from transduce.terminal import progress_bar
from transduce.workflows.predict.line_batches import Input, arriving_batches, full_batches, lines
from transduce.workflows.predict.stream import one_line


def predict(model: Model, records: Iterable[Record | dict[str, str] | str], **settings: Any) -> list[Prediction]:
    """The best prediction for each record, in order; see `Model.predict`."""
    return model.predict(records, **settings)


def predict_files(
    model: Model,
    names: Sequence[str],
    inputs: Callable[[Sequence[str]], Iterator[Input]],
    write: Callable[[str], object],
    as_json: bool = False,
) -> None:
    """Writes a line for each record of the files, batch by batch. `inputs` opens files of lines; "-" is standard input.

    ValueError with file and line for a record that cannot be read.
    """
    settings = model.decoding()
    with progress_bar(model.task.unit, hidden="-" in names) as bar:
        for batch in _batches(model.task, names, inputs):
            for prediction in bar.counted(model.task.predict(model, batch, settings)):
                write(_json(prediction) if as_json else f"{one_line(prediction.text)}\n")


def _batches(
    task: Task, names: Sequence[str], inputs: Callable[[Sequence[str]], Iterator[Input]]
) -> Iterator[list[Record]]:
    for name in names:
        path = Path(name)
        if unpacked_name(path).suffix.lower() in FORMATS and path.is_file():
            yield from _record_batches(task, path)
        else:
            cut = full_batches if path.is_file() else arriving_batches
            for batch in cut(lines(inputs([name]))):
                yield [as_record(task, line.text, line.number) for line in batch]


def _record_batches(task: Task, path: Path, size: int = 512) -> Iterator[list[Record]]:
    columns = {name: column for name, column in task.columns.items() if name != task.answer}
    batch: list[Record] = []
    for record in read_records(Corpus(file=path), columns, LineRules(), Findings()):
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _json(prediction: Prediction) -> str:
    tree: dict[str, Any] = {"text": prediction.text, "confidence": prediction.confidence}
    probabilities = getattr(prediction, "probabilities", None)
    if probabilities is not None:
        tree["probabilities"] = dict(probabilities)
    return json.dumps(tree, ensure_ascii=False) + "\n"
