"""Compare: a system with others on the same test set, each of them a model or a file of outputs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from transduce.data.formats.lines import good_lines, lines
from transduce.data.records import counted
from transduce.evaluation.significance import Comparison, compare
from transduce.models.find import find_model
from transduce.workflows.evaluate.run import Judged
from transduce.workflows.evaluate.test_set import HeldOut

STANDARD_INPUT = Path("-")  # as a file of outputs


@dataclass(frozen=True)
class Compared:
    """Another system, and one comparison for each metric; the baseline is the system that it is compared with."""

    other: Judged
    comparisons: tuple[Comparison, ...]


def is_model(path: Path) -> bool:
    """Whether `path` is a model folder or run folder, and not a file of outputs. ValueError if it is neither."""
    if path.is_file() or path == STANDARD_INPUT:
        return False
    if not path.exists():
        raise ValueError(f"{path}: no such file of outputs, model folder or run folder")
    find_model(path)
    return True


def read_outputs(path: Path, held_out: HeldOut) -> tuple[str, ...]:
    """A system's outputs, one a line. ValueError unless there is one for each item of the test set."""
    if path == STANDARD_INPUT:
        path = Path("standard input")
        outputs = tuple(good_lines(cast(BufferedIOBase, sys.stdin.buffer), str(path)))
    else:
        outputs = tuple(lines(path))
    items = len(held_out.references)
    if len(outputs) != items:
        left_out = (
            f", {counted(held_out.left_out, held_out.task.unit)} with an empty column left out"
            if held_out.left_out
            else ""
        )
        raise ValueError(
            f"{path} has {counted(len(outputs), 'line')}, but {held_out.name or 'the test set'} has {counted(items, 'item')}"
            f"{left_out}; line N must be the output for item N"
        )
    return outputs


def compare_systems(baseline: Judged, others: Sequence[Judged]) -> list[Compared]:
    """By every metric, with the same draws for all. P-values are of each comparison by itself, not adjusted for many."""
    return [
        Compared(
            other,
            tuple(
                compare(metric, ours, theirs)
                for metric, ours, theirs in zip(baseline.metrics, baseline.statistics, other.statistics, strict=True)
            ),
        )
        for other in others
    ]
