"""The prepared data of a run that resumes: by way of its files, or where those are gone, as the run's preparation stored it."""

import logging
from itertools import chain
from pathlib import Path

from transduce.data.config import DataConfig
from transduce.data.formats import lines
from transduce.data.formats.layout import corpus_files
from transduce.data.picture_column import picture_columns
from transduce.data.prepared import Prepared
from transduce.data.records import RecordType
from transduce.workflows.prepare.run import read_report

log = logging.getLogger(__name__)


def missing_file(task: RecordType, data: DataConfig, base: Path) -> Path | None:
    """The first file of [data] that is not there; None if all are, and for pictures, which a run reads again to predict."""
    if picture_columns(task.columns):
        return None
    return next((path for path in _files(task, data, base) if not path.exists()), None)


def stored_data(task: RecordType, data: DataConfig, base: Path, folder: Path) -> Prepared:
    """The prepared `folder` of a run, of whose data files one or more are gone.

    ValueError for a folder that is not there or damaged, and for a file that is there with another content.
    """
    gone = missing_file(task, data, base)
    try:
        report = read_report(folder)
    except ValueError as error:
        raise ValueError(
            f"{gone}: no such file, and the data that the run prepared from it cannot be read either ({error}): put the file "
            "back, or the prepared folder, or begin a new run"
        ) from None
    hashes = {file["sha256"] for origin in report["origins"].values() for file in origin["files"]}
    for path in _files(task, data, base):
        if path.is_file() and lines.facts(path, empty=True).sha256 not in hashes:
            raise ValueError(
                f"{path}: has changed since the run began, and {gone} is gone: put the files back as they were, or begin a new "
                "run"
            )
    log.info("%s: no such file; the run goes on with the data in %s", gone, folder)
    return Prepared(folder, task, report, reused=True)


def _files(task: RecordType, data: DataConfig, base: Path) -> list[Path]:
    """The files that [data] names; a folder or pattern without a file stands for itself."""
    paths: list[Path] = []
    for corpus in (*data.train, data.dev, data.test):
        if corpus is None:
            continue
        corpus = corpus.resolved(base)
        try:
            paths += corpus_files(corpus, task.columns)
        except ValueError:  # a folder without files
            paths += chain.from_iterable(([corpus.file] if corpus.file else [], corpus.files.values()))
    return paths
