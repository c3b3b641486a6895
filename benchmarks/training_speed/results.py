"""Measured runs: from the observer's notes to one record each, kept as lines of a JSONL file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.training_speed.system import Rates


@dataclass(frozen=True)
class Measured:
    """What the observer's notes come to. Target tokens count the end of each sentence and, unless said, no padding."""

    tokens_per_second: float
    tokens_per_cpu_second: float  # of all threads together: says something on a busy machine too
    updates: int
    seconds: float
    tokens_per_update: float
    padded_tokens_per_update: float
    peak_bytes: int  # resident memory, from the start to the last update
    own_log: float | None  # what the system's own log says of the same updates' speed, as a share of the above


@dataclass(frozen=True, kw_only=True)
class Run(Measured):
    """One process that trained for a while."""

    size: str
    system: str
    form: str
    round: int
    parameters: int
    threads: int
    version: str
    torch: str
    python: str
    load: float  # of the machine in the minute before, 0 where nothing else ran


def measured(updates: Sequence[Mapping[str, Any]], warm_up: int, own: Rates) -> Measured:
    """`updates` are the observer's lines after its first; the first `warm_up` of them only set the clock.

    An update lasts from the end of the one before to its own end, reading its batch included.
    """
    if len(updates) <= warm_up:
        raise ValueError(f"only {len(updates)} updates were made, expected more than {warm_up}")
    counted = updates[warm_up:]
    taken = [after["at"] - before["at"] for before, after in zip(updates[warm_up - 1 :], counted, strict=False)]
    tokens, seconds = sum(line["tokens"] for line in counted), sum(taken)
    logged = [
        (took, line["tokens"] / own[number])
        for number, (took, line) in enumerate(zip(taken, counted, strict=True), start=warm_up + 1)
        if own.get(number)
    ]
    return Measured(
        tokens_per_second=tokens / seconds,
        tokens_per_cpu_second=tokens / (updates[-1]["cpu"] - updates[warm_up - 1]["cpu"]),
        updates=len(counted),
        seconds=seconds,
        tokens_per_update=tokens / len(counted),
        padded_tokens_per_update=sum(line["padded"] for line in counted) / len(counted),
        peak_bytes=max(line["peak_bytes"] for line in updates),
        own_log=sum(took for took, _ in logged) / sum(said for _, said in logged) if logged else None,
    )


class Results:
    """A JSONL file: a line of circumstances, then a line per run. Runs are added as they end."""

    def __init__(self, path: Path, circumstances: Mapping[str, object]) -> None:
        """ValueError if the file holds runs under other circumstances, which could not be compared."""
        self.path = path
        self.circumstances = json.loads(json.dumps(circumstances))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.circumstances, ensure_ascii=False) + "\n", encoding="utf-8")
        _mend(path)
        there, self.runs = read(path)
        differing = sorted(
            key for key in {*there, *self.circumstances} if there.get(key) != self.circumstances.get(key)
        )
        if differing:
            raise ValueError(
                f"{path}: holds runs with other {', '.join(differing)} than now; name another folder with --results, or "
                "remove the file to begin anew"
            )

    def add(self, run: Run) -> None:
        self.runs.append(run)
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(run)) + "\n")

    def of(self, size: str, system: str, form: str) -> list[Run]:
        return [run for run in self.runs if (run.size, run.system, run.form) == (size, system, form)]


def read(path: Path) -> tuple[dict[str, Any], list[Run]]:
    """The circumstances and the runs of a results file; a last line that was cut off is left out."""
    try:
        first, *rest = [json.loads(line) for line in _whole_lines(path).splitlines()]
        return first, [Run(**fields) for fields in rest]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: is no file of results ({error}); remove it to begin anew") from error


def _whole_lines(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text[: text.rfind("\n") + 1]


def _mend(path: Path) -> None:
    """Takes off a last line that was cut off, so that the next one has a line of its own."""
    whole = _whole_lines(path)
    if len(whole.encode()) < path.stat().st_size:
        path.write_text(whole, encoding="utf-8")
