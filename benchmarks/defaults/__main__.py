"""The settings that the toolkit chooses by itself against the best of a search with the same minutes, task by task.

    python -m benchmarks.defaults run [--tasks NAME ...] [--minutes M] [--trials N]
    python -m benchmarks.defaults report

Each step (the run with chosen settings, the search, each evaluation) is a process of its own, and what it measures goes into
results.jsonl as it ends: the next call keeps the finished steps and continues the one that was stopped. Run it alone on the
machine: 8 trials of 3 minutes and the run itself take half an hour for each task.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.defaults import data
from benchmarks.training_speed.folders import own_folder
from transduce.terminal import table

HERE = Path(__file__).parent
WORK = HERE.parent / ".work" / "defaults"
RESULTS = HERE.parent / "results"
SEARCHED = (
    "model.preset=transformer-mini,transformer-small",
    "tokenizer.kind=characters,unigram",
    "training.learning-rate=7e-4..6e-3",
    "training.batch-tokens=512,1024,2048,4096",
    "model.dropout=0.0,0.1,0.3",
    "training.label-smoothing=0.0,0.1",
)
CHOSEN, SEARCH = "chosen", "search"

RUN = """
[data]
train = [{{ file = "{folder}/train.tsv" }}]
dev = {{ file = "{folder}/dev.tsv" }}
test = {{ file = "{folder}/test.tsv" }}
"""


@dataclass(frozen=True)
class Result:
    """The value of a metric on test, of one system after so many minutes. settings: those of the best trial of a search."""

    task: str
    minutes: float
    system: str
    metric: str
    value: float
    settings: Mapping[str, object]


def metric_of(task: str) -> str:
    return "bleu" if task == "debian-en-de" else "exact-match"


def run(task: str, minutes: float, trials: int) -> None:
    """All steps of a task that the results do not have yet."""
    folder = own_folder(WORK / task)
    data.write(task, folder)
    name = f"{task}-{minutes:g}"
    file = WORK / f"{name}.toml"
    file.write_text(RUN.format(folder=folder.name), encoding="utf-8")
    metric = metric_of(task)
    budget = ["--minutes", f"{minutes:g}"]
    if not _is_there(task, minutes, CHOSEN):
        resume = ["--resume"] if (WORK / "runs" / name / "run.toml").exists() else []
        _transduce("train", file.name, *budget, *resume)
        _add(Result(task, minutes, CHOSEN, metric, _evaluate(WORK / "runs" / name, metric), {}))
    if not _is_there(task, minutes, SEARCH):
        over = [part for each in SEARCHED for part in ("--over", each)]
        _transduce("search", file.name, *budget, "--trials", str(trials), "--metric", metric, *over)
        results = WORK / "runs" / f"{name}-search" / "results.jsonl"
        finished = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
        best = max((each for each in finished if each["value"] is not None), key=lambda each: each["value"])
        trial = results.parent / f"trial-{best['trial']:03d}"
        _add(Result(task, minutes, SEARCH, metric, _evaluate(trial, metric), best["settings"]))


def _transduce(*arguments: str) -> str:
    command = [sys.executable, "-m", "transduce", *arguments]
    done = subprocess.run(command, cwd=WORK, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


def _evaluate(run_folder: Path, metric: str) -> float:
    """The metric on the test set; a source with several targets counts as right with any of them."""
    command = [
        "evaluate",
        str(run_folder),
        "--data",
        str(_test_file(run_folder)),
        "--alternatives",
        "--metrics",
        metric,
    ]
    found = re.search(rf"^{metric}\s+(-?[\d.]+)", _transduce(*command), re.MULTILINE)
    assert found is not None
    return float(found[1])


def _test_file(run_folder: Path) -> Path:
    task = next(name for name in data.TASKS if name in str(run_folder.relative_to(WORK)))
    return WORK / task / "test.tsv"


def _add(result: Result) -> None:
    with (WORK / "results.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(result)) + "\n")


def read_results(path: Path) -> list[Result]:
    return (
        [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def _is_there(task: str, minutes: float, system: str) -> bool:
    return any(
        (each.task, each.minutes, each.system) == (task, minutes, system)
        for each in read_results(WORK / "results.jsonl")
    )


def report(results: Sequence[Result]) -> str:
    """A table: chosen settings beside the best of the search, and the share of the best that they reach."""
    return table([("task", "minutes", "metric", "chosen", "search", "share of the better"), *_rows(results)], "lrlrrr")


def _rows(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    by_key = {(each.task, each.minutes, each.system): each for each in results}
    for task, minutes in dict.fromkeys((each.task, each.minutes) for each in results):
        chosen, search = (by_key.get((task, minutes, system)) for system in (CHOSEN, SEARCH))
        values = [None if each is None else each.value for each in (chosen, search)]
        share = "" if None in values else f"{100 * values[0] / max(values):.1f} %"  # type: ignore[operator, type-var]
        shown = ["" if value is None else f"{value:.2f}" for value in values]
        yield task, f"{minutes:g}", metric_of(task), *shown, share


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.defaults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("--tasks", nargs="+", metavar="NAME", choices=[*data.TASKS], default=[*data.TASKS])
    parser.add_argument("--minutes", type=float, default=3.0, help="of each training (default 3)")
    parser.add_argument("--trials", type=int, default=8, help="of each search (default 8)")
    options = parser.parse_args(arguments)
    own_folder(WORK)
    if options.command == "run":
        for task in options.tasks:
            run(task, options.minutes, options.trials)
    text = report(read_results(WORK / "results.jsonl"))
    (RESULTS / "defaults.md").write_text(f"```\n{text}```\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
