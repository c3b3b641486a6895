"""Evaluate: translate sources and compare the outputs with their references."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from transduce.evaluation.metric import Metric, Score, check, corpus_score
from transduce.evaluation.metrics import METRICS, PERPLEXITY, USUAL, metric
from transduce.evaluation.perplexity import perplexity
from transduce.evaluation.significance import Interval, Statistics, interval
from transduce.files import write_atomically
from transduce.models.model import Model
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


@dataclass(frozen=True)
class Evaluation(Judged):
    """What an evaluation of a model found.

    perplexity: of the first references, per token of this model's target tokenizer, end tokens included.
    target_tokens: how many those are. cut: sources longer than the model takes, of which the beginning was translated.
    """

    sentences: int
    perplexity: float
    target_tokens: int
    cut: int


def evaluate(
    model: Model,
    held_out: HeldOut,
    metrics: Sequence[str] | None = None,
    method: Method | None = None,
) -> Evaluation:
    """Translates the sources and scores the outputs by each metric (default: all), the first references by the model.

    `method` says how to translate (default: the model's own search); perplexity does not depend on it.
    Where "perplexity" is all that is asked for, nothing is translated. ValueError for an unknown metric or an empty test set.
    """
    chosen = chosen_metrics(metrics)
    if not held_out.sources:
        raise ValueError("there are no pairs to evaluate on")
    scored = model.score(
        held_out.pairs(), tags=held_out.tags or None
    )  # first, as it finds references that are too long
    outputs, cut = translations(model, held_out, method) if chosen else ((), 0)
    judged = judge(model.name, outputs, held_out.references, chosen)
    tokens = sum(len(each.tokens) for each in scored)
    return Evaluation(
        **vars(judged),
        sentences=len(held_out.sources),
        perplexity=perplexity(sum(each.log_probability for each in scored), tokens),
        target_tokens=tokens,
        cut=cut,
    )


def translations(
    model: Model, held_out: HeldOut, method: Method | None = None, title: str = "translating"
) -> tuple[tuple[str, ...], int]:
    """The model's best outputs, and how many sources were longer than it takes; `title` is that of the progress bar."""
    method = Method(model.decoding()) if method is None else method
    with progress_bar("line", len(held_out.sources), title) as bar:
        results = method.translate(model, held_out.sources, bar.update, tags=held_out.tags or None)
    return tuple(outputs[0].text for outputs in results), sum(outputs[0].source_cut for outputs in results)


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
        tuple(corpus_score(each, found, references) for each, found in zip(metrics, statistics, strict=True)),
        tuple(interval(each, found) for each, found in zip(metrics, statistics, strict=True)),
        statistics,
    )


def chosen_metrics(names: Sequence[str] | None) -> list[Metric]:
    """The metrics of these names, each once; all by default. Perplexity is none of them, as it is not of outputs."""
    if names is None:
        return list(USUAL)
    return [metric(name) for name in dict.fromkeys(names) if name != PERPLEXITY]


def write_translations(path: Path, found: Judged) -> None:
    """The outputs, one a line, in the order of the sources."""
    write_atomically(path, "".join(f"{one_line(text)}\n" for text in found.translations))


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
