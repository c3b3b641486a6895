"""Evaluate: predict for records and compare the predictions with their references."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from transduce.data.records import plural
from transduce.evaluation.metric import Metric, Score, check, corpus_score
from transduce.evaluation.metrics import FIGURES, METRICS, metric, variants_of
from transduce.evaluation.sentence_selection import sentence_metric
from transduce.evaluation.significance import Interval, Statistics, interval
from transduce.files import write_atomically
from transduce.models.model import Model
from transduce.tasks.outputs import Output
from transduce.tasks.references import figure_names, units_per_byte
from transduce.tasks.task import Task
from transduce.tasks.translation import TRANSLATION
from transduce.terminal import ProgressBar, progress_bar
from transduce.workflows.evaluate.test_set import HeldOut
from transduce.workflows.predict.method import Method
from transduce.workflows.predict.stream import one_line

CHUNK = 100  # outputs that a costly metric scores between updates of the progress bar


@dataclass(frozen=True)
class Judged:
    """A system's outputs, and what each metric says of them: its score, 95 % interval and statistics by sentence."""

    name: str
    translations: tuple[str, ...]
    scores: tuple[Score, ...]
    intervals: tuple[Interval | None, ...]
    statistics: tuple[Float[np.ndarray, "N _"], ...]  # of as many kinds as the metric sums

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(METRICS[score.name] for score in self.scores)

    @property
    def of_sentences(self) -> tuple[Metric, Statistics]:
        """The metric that says most about single sentences, and its statistics. Needs a metric."""
        names = [score.name for score in self.scores]
        name = sentence_metric(names)
        return METRICS[name], self.statistics[names.index(name)]


@dataclass(frozen=True)
class Evaluation(Judged):
    """The evaluation of a model.

    figures: of the right answers, by the model's own probabilities: perplexity, bits per byte. units: how many target
    tokens (or rows) they are of. cut: sources longer than the model takes, whose beginning was used.
    """

    sentences: int
    figures: dict[str, float]
    units: int
    cut: int

    @property
    def values(self) -> dict[str, float]:
        """Every metric and figure by name: {"bleu": 31.2, "perplexity": 5.1}."""
        return {score.name: score.value for score in self.scores} | self.figures


def evaluate(
    model: Model,
    held_out: HeldOut,
    metrics: Sequence[str] | None = None,
    method: Method | None = None,
) -> Evaluation:
    """Predicts every item and scores the predictions by each metric (default: all of the task), the first references by
    the model.

    `method` says how to decode (default: the model's own search); the figures do not depend on it. Where no metric of
    predictions is asked for, nothing is predicted. ValueError for an unknown metric, an empty test set or another task.
    """
    model.require(type(held_out.task))
    selection = chosen_metrics(metrics, model.task)
    if not held_out.records:
        raise ValueError(f"there are no {plural(model.task.unit)} to evaluate on")
    records = held_out.scorable(model.processors)
    figures, units = {}, len(records)
    if records and figure_names(model.task):  # else the loss measures nothing
        nll, units = model.likelihood(records)  # first, as it detects references that are too long
        if not units:
            raise ValueError(f"the {plural(model.task.unit)} hold no tokens: there is nothing to evaluate on")
        figures = model.task.figures(nll / units, units_per_byte(model.task, model.processors, records))
    outputs, cut = predictions(model, held_out, method) if selection else ((), 0)
    judged = judge(model.name, outputs, held_out.references, selection)
    return Evaluation(
        **vars(judged),
        sentences=len(held_out.records),
        figures=figures,
        units=units,
        cut=cut,
    )


def predictions(
    model: Model, held_out: HeldOut, method: Method | None = None, title: str | None = None
) -> tuple[tuple[str, ...], int]:
    """The model's best predictions, and how many sources were longer than it takes; `title` is that of the progress bar."""
    method = Method(model.decoding()) if method is None else method
    with progress_bar("line", len(held_out.records), title or "predicting") as bar:
        best = list(bar.counted(method.predict(model, held_out.records)))
    return tuple(each.text for each in best), sum(isinstance(each, Output) and each.source_cut for each in best)


def judge(
    name: str,
    outputs: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[Metric],
) -> Judged:
    """Scores the outputs of any system."""
    if metrics:
        check(outputs, references)
    with progress_bar("line", len(outputs) * len(metrics), "scoring") as bar:
        statistics = tuple(_statistics(each, outputs, references, bar) for each in metrics)
    return Judged(
        name,
        tuple(outputs),
        tuple(corpus_score(each, counts, references) for each, counts in zip(metrics, statistics, strict=True)),
        tuple(interval(each, counts) for each, counts in zip(metrics, statistics, strict=True)),
        statistics,
    )


def chosen_metrics(names: Sequence[str] | None, task: Task | None = None) -> list[Metric]:
    """The metrics of these names, each once. Figures of a model, such as perplexity, are none.

    By default all of the task, or those of translations where the task is not known. ValueError for an unknown name, and
    for one that is not of the task.
    """
    if isinstance(names, str):
        raise ValueError(f'metrics must be a list such as ["{names}"], found the string {names!r}')
    if names is None:
        of_task = (TRANSLATION if task is None else task).metrics
        return [metric for name, metric in METRICS.items() if name in of_task]
    if task is None:
        return [metric(name) for name in dict.fromkeys(names) if name not in FIGURES]
    own, variants, figures_of_task = task.metrics, variants_of(task.metrics), figure_names(task)
    for name in names:
        if name not in FIGURES:
            metric(name)  # an unknown name has its own message
        if name not in (*own, *variants, *figures_of_task):
            raise ValueError(
                f"task {task.name} has no metric {name!r}; it has {', '.join((*own, *variants, *figures_of_task))}"
            )
    return [metric(name) for name in dict.fromkeys(names) if name not in figures_of_task]


def write_translations(path: Path, system: Judged) -> None:
    """The outputs, one a line, in the order of the sources."""
    write_atomically(path, "".join(f"{one_line(text)}\n" for text in system.translations))


def _statistics(
    each: Metric, outputs: Sequence[str], references: Sequence[Sequence[str]], bar: ProgressBar
) -> Statistics:
    size = CHUNK if each.costly else len(outputs)
    parts = []
    for begin in range(0, len(outputs), size):
        part = slice(begin, begin + size)
        parts.append(each.statistics(outputs[part], references[part]))
        bar.update(len(parts[-1]))
    return np.concatenate(parts)
