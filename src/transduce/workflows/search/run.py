"""Search: many short runs of one run file, each with a few settings changed, to find out which do best.

    runs/NAME-search/search.json     what is searched: a search with a result goes on only as the one that it began as
                     results.jsonl   one line per finished trial: settings, value, step, minutes
                     trial-000/      the run folder of each trial; of the best one alone with checkpoints and model

The first trial is the run file as it is, where the values searched include its own; the others differ from it in what is
searched, and in what is chosen by that (a learning rate by the optimiser) where the run file does not say it. What they
try depends on the seed, their number and the results before them alone, so that a search that was stopped goes on as it
would have gone on.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transduce import config, files
from transduce.data.scan import find_origins
from transduce.evaluation.metrics import METRICS
from transduce.training.interrupt import Stopping, never
from transduce.workflows.prepare.run import prepare
from transduce.workflows.search.proposals import propose, require_optuna
from transduce.workflows.search.space import Choices, Dimension, Range, assignment, combinations, parse
from transduce.workflows.search.trials import Result, Stopped, Trials, read_results, write_results
from transduce.workflows.train.defaults import Choice, is_given
from transduce.workflows.train.fine_tuning import load_start
from transduce.workflows.train.run import require_trainable
from transduce.workflows.train.run_file import RunConfig, load_run
from transduce.workflows.train.run_folder import flat
from transduce.workflows.train.settle import AUTOMATIC, settle, value_at

log = logging.getLogger(__name__)

SEARCH, RESULTS = "search.json", "results.jsonl"

# a search over these would compare nothing: they change what is measured, or on which sentences
MEASURES = (
    "data.dev",
    "data.split",
    "data.test",
    "data.clean.max-length",
    "training.metric",
    "training.validate-sentences",
)
FOR_BOTH_SIDES = ("tokenizer.kind", "tokenizer.vocabulary", "tokenizer.shared")
VOCABULARIES = ("tokenizer.source", "tokenizer.target", "tokenizer.vocabulary")
WHAT_IS_PREPARED = ("data", "tokenizer", "start-from")  # keys with which trials are prepared each for itself
PER_TOKEN = ("loss", "perplexity")  # metrics that depend on what a token is


@dataclass(frozen=True)
class Found:
    """What a search has come to: its folder, results as they came, and the signal that stopped it if one did."""

    folder: Path
    metric: str
    higher_is_better: bool
    results: tuple[Result, ...]
    fixed: tuple[str, ...] = ()  # KEY=VALUE of what all trials share, though the run file does not say it
    finished: bool = True
    signal: int | None = None

    @property
    def best(self) -> Result | None:
        """The best result, of equal ones the first; None where no trial has a value."""
        sign = -1.0 if self.higher_is_better else 1.0
        scored = [(sign * each.value, each.trial, each) for each in self.results if each.value is not None]
        return min(scored)[2] if scored else None


def search_folder(run_path: Path, root: Path = Path(".")) -> Path:
    """Where the search over a run file lies."""
    return root / "runs" / f"{run_path.stem}-search"


def search(
    run_path: Path,
    over: Sequence[str],
    count: int,
    overrides: Sequence[str] = (),
    root: Path = Path("."),
    stopping: Stopping = never,
) -> Found:
    """Trains `count` runs of a run file with `overrides`, over what `over` names (see search_space.py).

    Without `over`: learning rate, dropout, label smoothing and batch size, around the run's own. Finished trials are
    kept, and an unfinished one goes on where it was; with a higher `count` a finished search goes on too. ValueErrors about
    settings come before anything runs.
    """
    require_optuna()
    if count < 1:
        raise ValueError(f"trials must be at least 1, found {count}")
    asked = load_run(run_path, overrides)
    require_trainable(asked)
    kinds = {each.key: each.type for each in config.describe(RunConfig)}
    given = [parse(each, kinds) for each in over]
    _check(given, asked.training.metric)
    _check_values(run_path, overrides, [each for each in given if not _is_below_a_choice(each.key)])
    settled = settle(run_path, overrides)
    for choice in settled.chosen:
        log.info("%s", choice)
    run, dimensions = settled.run, given or usual_dimensions(settled.run)
    fixed = _fixed(settled.conditional, dimensions)
    _check_values(run_path, [*overrides, *fixed], given)
    metric = METRICS.get(run.training.metric)
    trials = Trials(
        run_path=run_path,
        overrides=tuple(overrides),
        fixed=fixed,
        metric=run.training.metric,
        higher_is_better=metric is not None and metric.higher_is_better,
        folder=search_folder(run_path, root),
        root=root,
        stopping=stopping,
    )
    with files.FolderLock(trials.folder):
        identity = _identity(run, run_path.parent, dimensions)
        if not _came_to_nothing(trials.folder):
            _require_same(trials.folder, identity)
        if not any(each.key.startswith(WHAT_IS_PREPARED) for each in dimensions):
            _prepare(run, run_path, root)  # what is wrong with the data stops the search, not one trial after the other
        _claim(trials.folder, identity)
        return _all_trials(trials, run, dimensions, int(min(count, combinations(dimensions))))


def _fixed(conditional: Sequence[Choice], dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    """What was chosen for the run and is not searched, as `--set` takes it: a key searched must not undo the choice.

    Another start brings its own network and vocabulary, and what is searched for both sides is settled with each trial.
    """
    searched = [each.key for each in dimensions]
    if "start-from" in searched:
        return ()
    settled_anew = [*searched, *(VOCABULARIES if any(key in FOR_BOTH_SIDES for key in searched) else ())]
    return tuple(
        assignment(choice.key, choice.value)
        for choice in conditional
        if not any(is_given(key, [choice.key]) for key in settled_anew)
    )


def _check(dimensions: Sequence[Dimension], metric: str) -> None:
    """ValueError unless every dimension is a key of its own that leaves the metric alone."""
    for place, each in enumerate(dimensions):
        if each.key in [other.key for other in dimensions[:place]]:
            raise ValueError(f"--over: {each.key} is given twice")
        if any(f"{each.key}.".startswith(f"{key}.") for key in MEASURES):
            raise ValueError(f"--over: {each.key} changes what the trials are compared by; give it by --set")
        if each.key.startswith("decoding."):
            raise ValueError(f"--over: {each.key} is no setting of training; try it with evaluate on a trained model")
        if (each.key.startswith("tokenizer") or each.key == "start-from") and metric in PER_TOKEN:
            raise ValueError(f"--over: {each.key} changes what a token is, and with it {metric}; give another --metric")


def _is_below_a_choice(key: str) -> bool:
    """Whether what else is chosen decides if there is such a key: momentum is Muon's."""
    return any(key != chosen and is_given(chosen, [key]) for chosen in AUTOMATIC)


def _check_values(run_path: Path, overrides: Sequence[str], dimensions: Sequence[Dimension]) -> None:
    """ValueError unless every key takes the values that are named for it."""
    for each in dimensions:
        for value in each.ends:
            try:
                load_run(run_path, [*overrides, assignment(each.key, value)])
            except ValueError as error:
                raise ValueError(str(error).replace("--set:", "--over:", 1)) from None


def usual_dimensions(run: RunConfig) -> list[Dimension]:
    """What is worth trying first, around what the run has."""
    rate, batch = run.training.learning_rate, run.training.batch_tokens
    return [
        Range("training.learning-rate", float(f"{rate / 4:.2g}"), float(f"{rate * 4:.2g}")),
        Choices("model.dropout", tuple(sorted({0.0, 0.1, 0.2, 0.3, run.model.dropout}))),
        Choices("training.label-smoothing", tuple(sorted({0.0, 0.1, 0.2, run.training.label_smoothing}))),
        Choices("training.batch-tokens", tuple(sorted({max(1, batch // 2), batch, batch * 2}))),
    ]


def _identity(run: RunConfig, base: Path, dimensions: Sequence[Dimension]) -> str:
    """What is searched, as search.json has it: the run, over what, and the content of its data."""
    origins = find_origins(run.data, base)
    identity = {
        "run": config.tree_of(run),
        "over": [asdict(each) for each in dimensions],
        "data": files.tree_digest({name: origin.content() for name, origin in origins.items()}),
    }
    return json.dumps(identity, indent=1, ensure_ascii=False) + "\n"


def _identity_now(trials: Trials, dimensions: Sequence[Dimension]) -> str:
    """The same from the run file and the data as they are by now."""
    run = settle(trials.run_path, trials.overrides).run
    return _identity(run, trials.run_path.parent, dimensions)


def _difference(folder: Path, identity: str) -> str:
    """In what the search that a folder holds is another one; "" where it is the same, or there is none."""
    path = folder / SEARCH
    before, now = flat(json.loads(path.read_bytes() if path.exists() else identity)), flat(json.loads(identity))
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            return f"{key} = {before.get(key)!r}, now {now.get(key)!r}"
    return ""


def _require_same(folder: Path, identity: str) -> None:
    """ValueError where the folder holds another search."""
    if difference := _difference(folder, identity):
        raise ValueError(
            f"{folder} holds another search, with {difference}: put run file and data back and give the settings that it "
            "began with, or move it away"
        )


def _came_to_nothing(folder: Path) -> bool:
    """Whether a folder holds no result that another search would do away with."""
    return all(result.value is None for result in read_results(folder / RESULTS))


def _claim(folder: Path, identity: str) -> None:
    """Notes what is searched. Of another search that came to nothing the results go; what it trained is set aside by the
    trials that come to it.
    """
    if _difference(folder, identity):
        (folder / RESULTS).unlink(missing_ok=True)
    files.write_atomically(folder / SEARCH, identity)


def _prepare(run: RunConfig, run_path: Path, root: Path) -> None:
    """What all trials share."""
    tokenizers = None if run.start_from is None else load_start(run.start_from, run_path).tokenizers
    prepare(run.data, run.tokenizer, run.seed, run_path.parent, root / "prepared", tokenizers)


def _all_trials(trials: Trials, run: RunConfig, dimensions: Sequence[Dimension], count: int) -> Found:
    path = trials.folder / RESULTS
    results = read_results(path)

    def found(signal: int | None = None, finished: bool = True) -> Found:
        return Found(
            trials.folder, trials.metric, trials.higher_is_better, tuple(results), trials.fixed, finished, signal
        )

    for number in range(len(results), count):
        _require_same(trials.folder, _identity_now(trials, dimensions))  # each trial reads run file and data anew
        settings = _settings(trials, run, dimensions, results)
        log.info("trial %d (%d of %d): %s", number, number + 1, count, _shown(settings))
        result = trials.run(number, settings)
        if isinstance(result, Stopped):
            return found(result.signal, finished=False)
        results.append(result)
        write_results(path, results)
        best = found().best
        trials.tidy(results, best)
        log.info("%s", _outcome(result, best, trials.metric))
    if found().best is None:
        raise ValueError(f"{trials.folder}: no trial came to a result; trial 0: {results[0].failure}")
    return found()


def _settings(
    trials: Trials, run: RunConfig, dimensions: Sequence[Dimension], results: Sequence[Result]
) -> dict[str, Any]:
    """Of the next trial: the run's own for the first, where the dimensions hold them; else a proposal."""
    values = {dimension.key: _own(run, dimension.key) for dimension in dimensions}
    if not results and all(dimension.holds(values[dimension.key]) for dimension in dimensions):
        return {dimension.key: dimension.listed(values[dimension.key]) for dimension in dimensions}
    tried = [(result.settings, result.value) for result in results]
    return propose(dimensions, tried, trials.higher_is_better, run.seed + len(results))


def _own(run: RunConfig, key: str) -> Any:
    """What a run has at a dotted key, as TOML has it; None if there is no such key."""
    value = value_at(config.tree_of(run), key)
    if value is not None:
        return value
    found: Any = run  # the tree names a part that is as it comes, and does not say what it is made of
    for name in key.split("."):
        found = getattr(found, name.replace("-", "_"), None)
    return found


def _shown(settings: dict[str, Any]) -> str:
    return "  ".join(assignment(key, value) for key, value in settings.items())


def _outcome(result: Result, best: Result | None, metric: str) -> str:
    if result.value is None:
        return f"trial {result.trial}: no result: {result.failure}"
    text = f"trial {result.trial}: {metric} {result.value:.4g} at step {result.step}, {result.minutes:.1f} minutes"
    if best is None or best.trial == result.trial:
        return f"{text}; the best so far"
    return f"{text}; the best so far: trial {best.trial} with {best.value:.4g}"
