"""Held-out records that the model of `start-from` has been trained on: scores on them say little about unseen ones."""

import logging
from collections.abc import Iterator

from transduce.data import overlap
from transduce.data.formats.time_windows import has_windows
from transduce.data.prepared import Prepared
from transduce.data.records import plural
from transduce.models.find import run_folder_of
from transduce.workflows.train.start_from import Start

log = logging.getLogger(__name__)


def warn_of_overlap(start: Start | None, prepared: Prepared) -> None:
    """Logs what `start` has seen of the held-out records."""
    for text in () if start is None else _warnings(start, prepared):
        log.warning("%s", text)


def _warnings(start: Start, prepared: Prepared) -> Iterator[str]:
    """A warning for each held-out part with records that the start has seen, or one that nothing tells.

    12 of 500 dev sources were trained on by runs/general: scores on them are too good; ...
    """
    run, task = run_folder_of(start.path), prepared.task
    if run is None or not (run / overlap.NAME).is_file():
        yield (
            f"{start.path}: {overlap.NAME} of the run that made this model is not there, so nothing tells whether it was "
            "trained on records of the dev set or the test set; if that run's folder still exists, name it in start-from"
        )
        return
    for part in ("dev", "test"):
        if part not in prepared.report["parts"]:
            continue
        keys = {record.values[task.key] for record in prepared.records(part)}
        count = overlap.count(run, keys, task.columns[task.key])
        if not count or (has_windows(task.columns) and count < len(keys)):  # a series may repeat itself
            continue
        unseen = run / f"{part}.jsonl"
        example = f", such as {unseen}" if unseen.is_file() and task.name == start.config.task.name else ""
        yield (
            f"{count:,} of {len(keys):,} {part} {plural(task.key)} were trained on by {start.path}: scores on them are too "
            f"good; name records in data.{part} that neither this run nor that model is trained on{example}"
        )
