"""Evaluate: translate sources and compare the outputs with their references."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transduce.data.config import Corpus
from transduce.data.formats import examples
from transduce.data.reading import LineRules, facts, lines, require_equal_lines
from transduce.data.tally import Findings
from transduce.evaluation.metrics import METRICS
from transduce.evaluation.perplexity import perplexity
from transduce.evaluation.score import Score
from transduce.files import write_atomically
from transduce.workflows.model import Model
from transduce.workflows.translate import one_line


@dataclass(frozen=True)
class HeldOut:
    """Sources, and for each one or more references. `left_out` counts pairs of the file with an empty side."""

    sources: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    left_out: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    perplexity: of the first references, per token of this model's target tokenizer, end tokens included.
    target_tokens: how many those are. cut: sources longer than the model takes, of which the beginning was translated.
    """

    scores: tuple[Score, ...]
    sentences: int
    perplexity: float
    target_tokens: int
    cut: int
    translations: tuple[str, ...]


def read_aligned(source: Path, references: Sequence[Path]) -> HeldOut:
    """Line N of every file belongs together; blank lines stay. ValueError with all counts if they are not equal."""
    columns = [tuple(lines(path)) for path in (source, *references)]
    require_equal_lines([facts(path) for path in (source, *references)])
    return HeldOut(columns[0], tuple(zip(*columns[1:], strict=True)))


def read_pairs(path: Path, alternatives: bool = False) -> HeldOut:
    """The pairs of a .tsv or .jsonl file. With `alternatives`, pairs that share a source are one item: its targets are
    its references.
    """
    findings = Findings()
    pairs = list(examples(Corpus(file=path), LineRules(bad_lines="drop"), findings))
    left_out = _left_out(path, findings)
    if not pairs:
        raise ValueError(f"{path}: holds no pairs to evaluate on")
    if not alternatives:
        return HeldOut(tuple(pair.source for pair in pairs), tuple((pair.target,) for pair in pairs), left_out)
    grouped: dict[str, dict[str, None]] = {}  # dicts as sets that keep the order
    for pair in pairs:
        grouped.setdefault(pair.source, {})[pair.target] = None
    return HeldOut(tuple(grouped), tuple(tuple(targets) for targets in grouped.values()), left_out)


def _left_out(path: Path, findings: Findings) -> int:
    """Pairs with an empty side; ValueError for any other reason to drop a line, as a test set must be read in full."""
    dropped = findings.dropped.tree()
    empty = dropped.pop("empty side", {"count": 0})
    for reason, found in dropped.items():
        first = found["examples"][0]
        detail = f" ({first['text']})" if "text" in first else ""
        more = f"; {found['count'] - 1} more such lines" if found["count"] > 1 else ""
        raise ValueError(f"{first['where']}: {reason}{detail}{more}; correct the file")
    return int(empty["count"])


def evaluate(
    model: Model,
    held_out: HeldOut,
    metrics: Sequence[str] | None = None,
    beam: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Translates the sources and scores the outputs by each metric (default: all), the first references by the model.

    `progress` hears the number of sources just translated. ValueError for an unknown metric or an empty test set.
    """
    chosen = list(METRICS) if metrics is None else [_metric(name) for name in metrics]
    if not held_out.sources:
        raise ValueError("there are no pairs to evaluate on")
    results = model.translate_n_best(held_out.sources, beam, progress=progress)
    outputs = tuple(outputs[0].text for outputs in results)
    scored = model.score([(s, refs[0]) for s, refs in zip(held_out.sources, held_out.references, strict=True)])
    tokens = sum(len(each.tokens) for each in scored)
    return Evaluation(
        scores=tuple(METRICS[name].compute(outputs, held_out.references) for name in chosen),
        sentences=len(outputs),
        perplexity=perplexity(sum(each.log_probability for each in scored), tokens),
        target_tokens=tokens,
        cut=sum(outputs[0].source_cut for outputs in results),
        translations=outputs,
    )


def write_translations(path: Path, found: Evaluation) -> None:
    """The outputs, one a line, in the order of the sources."""
    write_atomically(path, "".join(f"{one_line(text)}\n" for text in found.translations))


def _metric(name: str) -> str:
    if name in METRICS:
        return name
    near = difflib.get_close_matches(name, METRICS, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(METRICS)}"
    raise ValueError(f"unknown metric {name!r}; {advice}")
