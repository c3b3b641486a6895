"""Evaluate systems: a model or a file of outputs, alone or beside others, on one test set."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transduce.data.records import counted, plural
from transduce.evaluation.calibration import Calibration
from transduce.evaluation.metric import Metric
from transduce.models.ensemble import open_models
from transduce.models.find import find_model, open_model
from transduce.models.folder import read_config
from transduce.models.model import Model
from transduce.tasks.references import figure_names
from transduce.tasks.table import TASKS
from transduce.tasks.task import Task
from transduce.tasks.translation import TRANSLATION
from transduce.text.tags import name_list
from transduce.workflows.advice import column_names, fitting_task, tag_advice
from transduce.workflows.evaluate.assessment import Assessment, Questions, assess
from transduce.workflows.evaluate.breakdowns import Kind, count_words
from transduce.workflows.evaluate.calibrate import calibration
from transduce.workflows.evaluate.compare import is_model, read_outputs
from transduce.workflows.evaluate.run import Judged, chosen_metrics, evaluate, judge, predictions
from transduce.workflows.evaluate.test_set import (
    HeldOut,
    Records,
    names_columns,
    own_test_set,
    read_aligned,
    read_test_set,
    seen_in_training,
)
from transduce.workflows.predict.method import Method

log = logging.getLogger(__name__)

ALONE: dict[Kind, str] = {
    "length": "all items are of one length",
    "group": "the test set names no groups, or one only",
    "tag": "the test set has no tags, or the same everywhere",
    "rare-words": "all items are of one kind",
}


@dataclass(frozen=True)
class TestFiles:
    """Files of a test set: aligned `source` and `references`, or `pairs`; none of them for the run's own test pairs.

    columns: names of columns of `pairs`. records: of a .txt file.
    alternatives: pairs of one source are one item, any target is right.
    tags: added to those of every source.
    """

    source: Path | None = None
    references: Sequence[Path] = ()
    pairs: Path | None = None
    columns: Mapping[str, str] | None = None
    records: Records = "lines"
    alternatives: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Systems:
    """The system to evaluate, `model` (with `ensemble`) or the file `outputs`, and models or files to compare it with.

    method: how a model translates.
    """

    model: Path | None = None
    ensemble: Sequence[Path] = ()
    outputs: Path | None = None
    compare: Sequence[Path] = ()
    device: str | None = None
    precision: str = "float32"
    method: Callable[[Model], Method] = lambda model: Method(model.decoding())

    @property
    def models(self) -> list[Path]:
        """Every model, of the ensemble too."""
        first = [] if self.model is None else [self.model, *self.ensemble]
        return [*first, *(path for path in self.compare if is_model(path))]


def evaluate_systems(systems: Systems, files: TestFiles, questions: Questions) -> Assessment:
    """Answers the questions. Mistakes in files and names are found before anything is translated."""
    for path in [] if systems.model is None else [systems.model, *systems.ensemble]:
        find_model(path)
    held_out = _test_set(systems, files, questions)
    of_task = held_out.task if systems.models or questions.metrics is None else None
    metrics = chosen_metrics(questions.metrics, of_task)  # any metric, where files of outputs alone are judged
    if systems.compare and not metrics:
        advice = (
            "give some to --metrics"
            if held_out.task.metrics
            else f"task {held_out.task.name} is measured by {', '.join(figure_names(held_out.task))}"
        )
        raise ValueError(f"--compare needs a metric of predictions, and there is none: {advice}")
    outputs = {path: read_outputs(path, held_out) for path in systems.compare if not is_model(path)}
    for path in systems.models:
        if remark := seen_in_training(path, held_out):
            log.warning("%s", remark)
    words = count_words(questions.train, held_out.task, questions.train_columns) if questions.train else None
    for path in systems.compare:
        if path not in outputs and _to_compare(path, held_out, systems, files)[1].tags != held_out.tags:
            log.info("--compare %s: the model knows no tags, so it is not given those of the test set", path)
    subject, sure = _subject(systems, held_out, questions, metrics)
    others = []
    for path in systems.compare:
        texts = outputs[path] if path in outputs else _translated(path, held_out, systems, files)
        others.append(judge(str(path), texts, held_out.references, metrics))
    assessment = assess(held_out, subject, others, questions, sure, words)
    for kind in sorted({*questions.explain} - {table.kind for table in assessment.breakdowns}):
        log.info("--by %s: %s, so there is nothing to compare", kind, ALONE[kind])
    return assessment


def task_of(model: Path) -> Task:
    """The task of the model in a model folder or run folder."""
    return read_config(find_model(model)).task


def _task(systems: Systems, files: TestFiles, questions: Questions) -> Task:
    """The task of the models. Where files of outputs alone are judged, the task whose columns the test set names or whose
    metrics are asked for, else translation. ValueError for models of different tasks.
    """
    tasks = {path: task_of(path) for path in systems.models}
    if tasks:
        first, task = next(iter(tasks.items()))
        for path, other in tasks.items():
            if other.name != task.name:
                raise ValueError(
                    f"{first} is a model for {task.name}, and {path} one for {other.name}: give models for one task"
                )
        return task
    names = [] if files.pairs is None else [*(files.columns or {}), *column_names(files.pairs)]
    metrics = {*(questions.metrics or ())}
    of_metrics = (task() for task in TASKS.values() if metrics and metrics <= {*task().metrics})
    return fitting_task(names) or next(of_metrics, TRANSLATION)


def _test_set(systems: Systems, files: TestFiles, questions: Questions) -> HeldOut:
    task = _task(systems, files, questions)
    if files.references:
        held_out = read_aligned(files.source, files.references, task)
    elif files.pairs is not None:
        # the columns given are those of --train where the columns of the pairs have no names
        named = not questions.train or names_columns(files.pairs)
        held_out = read_test_set(files.pairs, files.alternatives, files.columns if named else None, task, files.records)
    else:
        assert systems.model is not None
        path = own_test_set(systems.model)
        held_out = read_test_set(path, files.alternatives, task=task)
        log.info(
            "evaluating on %s, the run's own test %s: %s", path, plural(task.unit), f"{len(held_out.references):,}"
        )
    if held_out.left_out:
        log.warning("%s with an empty column, left out: %s", plural(task.unit), f"{held_out.left_out:,}")
    return held_out.with_tags(files.tags)


def _subject(
    systems: Systems, held_out: HeldOut, questions: Questions, metrics: Sequence[Metric]
) -> tuple[Judged, Calibration | None]:
    """The system itself, and how sure it is. Its model is gone from memory then, which the others may need."""
    if systems.outputs is not None:
        texts = read_outputs(systems.outputs, held_out)
        return judge(str(systems.outputs), texts, held_out.references, metrics), None
    assert systems.model is not None
    paths = [systems.model, *systems.ensemble]
    model = open_models(paths, systems.device, systems.precision)
    if advice := tag_advice(model, held_out.tags):
        log.info("%s", advice)
    _warn_of_unknown_labels(model, held_out)
    evaluation = evaluate(model, held_out, questions.metrics, systems.method(model))
    name = " + ".join(map(str, paths))
    _warn_of_cut(evaluation.cut, name, model)
    return replace(evaluation, name=name), calibration(model, held_out) if questions.calibration else None


def _to_compare(path: Path, held_out: HeldOut, systems: Systems, files: TestFiles) -> tuple[Model, HeldOut]:
    """Another model, and the test set with the tags that it knows. ValueError where it cannot do what is asked."""
    model = open_model(path, systems.device, systems.precision)
    try:
        if held_out.tags and not files.tags and not model.processors.tags(held_out.task.key):
            held_out = held_out.without_tags()
        systems.method(model)
        for tags in set(held_out.tags):
            model.processors.check_tags(held_out.task.key, tags)
    except ValueError as error:
        raise ValueError(f"--compare {path}: {error}") from None
    return model, held_out


def _translated(path: Path, held_out: HeldOut, systems: Systems, files: TestFiles) -> tuple[str, ...]:
    model, test_set = _to_compare(path, held_out, systems, files)
    _warn_of_unknown_labels(model, test_set)
    texts, cut = predictions(model, test_set, systems.method(model), f"translating with {path}")
    _warn_of_cut(cut, str(path), model)
    return texts


def _warn_of_unknown_labels(model: Model, held_out: HeldOut) -> None:
    unknown = held_out.unknown_labels(model.processors)
    if not unknown:
        return
    texts, names = counted(len(unknown), held_out.task.unit), name_list(sorted(set(unknown)))
    log.warning("%s with labels unknown to %s (%s): each counts as wrong", texts, model.name, names)
    if len(unknown) == len(held_out.references):
        labels = model.processors.labels(held_out.task.answer or "").names
        log.warning("no label of the test set is known to the model, whose labels are %s", name_list(labels))


def _warn_of_cut(cut: int, name: str, model: Model) -> None:
    if cut:
        limit = model.generation.max_source
        log.warning("%s: sources over %s tokens, cut to their beginning: %s", name, f"{limit:,}", f"{cut:,}")
