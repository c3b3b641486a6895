"""Medians and ratios of measured runs, and the table that shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.training_speed.results import Run
from benchmarks.training_speed.settings import BATCH_TOKENS, SIZES, VOCABULARY
from benchmarks.training_speed.systems import SYSTEMS

OURS = next(iter(SYSTEMS))


@dataclass(frozen=True)
class Row:
    """One system in one form at one size, over all its rounds."""

    size: str
    system: str
    form: str
    speeds: tuple[float, ...]  # target tokens per second, a round each
    cpu_speed: float  # median target tokens per CPU second
    cores: float  # that were busy, in the median
    ratio: float  # median speed of our fastest form over this one's
    fastest: bool  # of the system's forms
    padding_share: float  # of target positions
    tokens_per_update: float
    parameters: int
    peak_bytes: int  # the highest of all rounds
    own_log: float | None

    @property
    def speed(self) -> float:
        return median(self.speeds)

    @property
    def title(self) -> str:
        return SYSTEMS[self.system].title

    @property
    def description(self) -> str:
        return SYSTEMS[self.system].forms[self.form]


def rows(runs: Sequence[Run], size: str) -> list[Row]:
    """The rows of a size: systems in their order, each one's fastest form first. Empty before our own first run."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if run.size == size:
            groups.setdefault((run.system, run.form), []).append(run)
    speeds = {key: median(run.tokens_per_second for run in group) for key, group in groups.items()}
    best = {system: max(speed for key, speed in speeds.items() if key[0] == system) for system, _ in speeds}
    if OURS not in best:
        return []
    order = sorted(groups, key=lambda key: (list(SYSTEMS).index(key[0]), -speeds[key]))
    return [_row(groups[key], best[OURS] / speeds[key], speeds[key] == best[key[0]]) for key in order]


def _row(group: Sequence[Run], ratio: float, fastest: bool) -> Row:
    updates = sum(run.updates for run in group)
    tokens = sum(run.tokens_per_update * run.updates for run in group)
    padded = sum(run.padded_tokens_per_update * run.updates for run in group)
    logged = [run.own_log for run in group if run.own_log is not None]
    first = group[0]
    return Row(
        size=first.size,
        system=first.system,
        form=first.form,
        speeds=tuple(run.tokens_per_second for run in group),
        cpu_speed=median(run.tokens_per_cpu_second for run in group),
        cores=median(run.tokens_per_second / run.tokens_per_cpu_second for run in group),
        ratio=ratio,
        fastest=fastest,
        padding_share=1 - tokens / padded,
        tokens_per_update=tokens / updates,
        parameters=first.parameters,
        peak_bytes=max(run.peak_bytes for run in group),
        own_log=median(logged) if logged else None,
    )


def report(circumstances: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """The whole as Markdown: how it was measured, then a table for each size."""
    parts = ["# Training speed\n", _introduction(circumstances, runs)]
    for size in SIZES:
        if found := rows(runs, size):
            parts += [_heading(size), _table(found)]
    return "\n".join(parts)


def _heading(name: str) -> str:
    size = SIZES[name]
    return (
        f"## {name}: {size.width} wide, {size.layers} + {size.layers} layers, {size.heads} heads, {size.feed_forward:,} in the "
        "feed-forward\n"
    )


HEADINGS = (
    "system",
    "form",
    "rounds",
    "target tokens/s, median (range)",
    "transduce is faster by",
    "per CPU second",
    "cores busy",
    "padding",
    "target tokens per update",
    "parameters",
    "peak memory",
    "own log",
)


def _table(found: Sequence[Row]) -> str:
    lines = [HEADINGS, ("---",) * len(HEADINGS), *map(_cells, found)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    emphasis = "**" if row.fastest else ""
    ourselves = row.system == OURS and row.fastest
    return (
        row.title,
        row.description,
        str(len(row.speeds)),
        f"{emphasis}{row.speed:,.0f}{emphasis} ({min(row.speeds):,.0f} to {max(row.speeds):,.0f})",
        "" if ourselves else f"{emphasis}{row.ratio:.2f}x{emphasis}",
        f"{row.cpu_speed:,.0f}",
        f"{row.cores:.2f}",
        f"{row.padding_share:.0%}",
        f"{row.tokens_per_update:,.0f}",
        f"{row.parameters:,}",
        f"{row.peak_bytes / 2**30:.2f} GiB",
        "" if row.own_log is None else f"{row.own_log:.0%}",
    )


def _introduction(circumstances: Mapping[str, Any], runs: Sequence[Run]) -> str:
    versions = {run.system: run.version for run in runs}
    systems = ", ".join(f"{SYSTEMS[system].title} {versions[system]}" for system in SYSTEMS if system in versions)
    together = sorted({(f"torch {run.torch}", f"Python {run.python}", f"{run.threads} threads") for run in runs})
    corpus = circumstances["corpus"]
    return (
        f"{systems}; {'; '.join(', '.join(each) for each in together)}.\n"
        f"CPU: {circumstances['cpu']}, {circumstances['cores']} cores, {' '.join(circumstances['instruction-sets'])}.\n"
        f"Corpus: {corpus['name']}, {corpus['pairs']:,} pairs, {corpus['source-tokens']:,} source and "
        f"{corpus['target-tokens']:,} target tokens; one vocabulary of {VOCABULARY:,} pieces; batches of {BATCH_TOKENS:,} tokens.\n"
        f"Each round at least {circumstances['seconds']:g} seconds after a warm-up. In bold: each system's fastest form. "
        "README.md beside this folder says what the columns mean.\n"
    )
