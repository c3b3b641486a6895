"""Search: many short runs of one run file, each with a few settings changed, to find the best ones.

    runs/NAME-search/search.json     every setting, and the searched keys: a search continues only with the same ones
                     results.jsonl   one line per finished trial: settings, value, step, minutes
                     trial-000/      the run folder of each trial; of the best one alone with checkpoints and model

The first trial is the run file as it is, where its values are among the searched ones. The others differ in the searched
settings, and in the settings that depend on those (the learning rate depends on the optimiser) where the run file does not
give them. Each proposal depends only on the seed, the number of the trial and the results before it, so that a stopped
search continues exactly. The run file and the data are read once, at the beginning.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transduce import config, files
from transduce.evaluation.metrics import METRICS
from transduce.machine.devices import choose_device
from transduce.training.interrupt import Stopping, never
from transduce.workflows.prepare.run import prepare
from transduce.workflows.search.proposals import propose, require_optuna
from transduce.workflows.search.space import Choices, Dimension, Range, combinations, parse
from transduce.workflows.search.trials import Result, Stopped, Trials, read_results, write_results
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.choices import choose
from transduce.workflows.train.data_facts import RunData
from transduce.workflows.train.plan import plan
from transduce.workflows.train.run import require_trainable
from transduce.workflows.train.run_file import BUDGETS, RunConfig, RunFile, describe_run_file, read_run

log = logging.getLogger(__name__)

SEARCH, RESULTS = "search.json", "results.jsonl"

PER_TOKEN = ("loss", "perplexity")  # metrics that depend on what a token is


@dataclass(frozen=True)
class SearchOutcome:
    """The folder of a search, its results in the order of the trials, and the signal that stopped it, if any."""

    folder: Path
    metric: str
    higher_is_better: bool
    results: tuple[Result, ...]
    fixed: tuple[str, ...] = ()  # KEY=VALUE of the settings that all trials share and the run file does not give
    finished: bool = True
    signal: int | None = None

    @property
    def best(self) -> Result | None:
        """The best result, the first of several equal ones; None where no trial has a value."""
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
    device: str | None = None,
) -> SearchOutcome:
    """Trains `count` runs of a run file with `overrides`, over what `over` names (see space.py).

    Without `over`: learning rate, dropout, label smoothing and batch size, around the run's own. Finished trials stay,
    and an unfinished one continues; with a higher `count` a finished search continues too. `device` is as of `train`.
    ValueErrors about settings come before anything runs.
    """
    require_optuna()
    device = choose_device(device)
    if count < 1:
        raise ValueError(f"trials must be at least 1, found {count}")
    file = read_run(run_path, overrides)
    require_trainable(file.run)
    kinds = {each.key: each.type for each in describe_run_file()}
    dimensions_of_user = [parse(each, kinds) for each in over]
    _check(dimensions_of_user, file.run.training.metric)
    _check_values(file, (), [each for each in dimensions_of_user if not _is_below_a_choice(each.key, file.run)])
    decision = choose(file, device)
    run, dimensions = decision.run, dimensions_of_user or usual_dimensions(decision.run)
    for choice in decision.choices:
        if not config.is_in(choice.key, [each.key for each in dimensions]):
            log.info("%s", choice)
    fixed = _fixed(decision.conditional, dimensions)
    _check_values(file, fixed, dimensions_of_user)
    metric = METRICS.get(run.training.metric)
    higher_is_better = metric is not None and metric.higher_is_better
    folder = search_folder(run_path, root)
    trials = Trials(file, fixed, run.training.metric, higher_is_better, folder, root, stopping, device)
    with files.folder_lock(trials.folder):
        identity = _identity(run, file.data, dimensions)
        is_other = _holds_another(trials.folder, identity)
        prepared = config.keys_where(RunConfig, lambda fact: fact.prepared)
        if not any(config.is_in(each.key, prepared) for each in dimensions):
            prepare(plan(file, run, root))  # so that an error in the data stops the search, not each trial
        if is_other:  # the trials set its run folders aside
            (trials.folder / RESULTS).unlink(missing_ok=True)
        files.write_atomically(trials.folder / SEARCH, json.dumps(identity, indent=1, ensure_ascii=False) + "\n")
        return _all_trials(trials, run, dimensions, int(min(count, combinations(dimensions))))


def _fixed(conditional: Sequence[Choice], dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    """The automatic choices that are not searched, as `--set` takes them: a searched key must not undo them.

    Another start brings its own network and vocabulary. With a key of [tokenizer] for both sides, each trial gets its own
    automatic vocabulary.
    """
    searched = [each.key for each in dimensions]
    if "start-from" in searched:
        return ()
    fixed = [choice for choice in conditional if not config.is_in(choice.key, searched)]
    if any(key in searched for key in BUDGETS):
        fixed = [choice for choice in fixed if choice.key not in BUDGETS]
    if any(key.startswith("tokenizer.") and key.count(".") == 1 for key in searched):  # a key of both sides
        fixed = [choice for choice in fixed if "vocabulary" not in f"{choice.key} {choice.value}"]
    return tuple(config.assignment(choice.key, choice.value) for choice in fixed)


def _check(dimensions: Sequence[Dimension], metric: str) -> None:
    """ValueError unless every dimension is a key of its own that leaves the metric alone."""
    measures = config.keys_where(RunConfig, lambda fact: fact.measure)
    for place, each in enumerate(dimensions):
        if each.key in [other.key for other in dimensions[:place]]:
            raise ValueError(f"--over: {each.key} is given twice")
        if config.is_in(each.key, measures):
            raise ValueError(f"--over: {each.key} changes what the trials are compared by; give it by --set")
        if each.key.startswith("decoding."):
            raise ValueError(f"--over: {each.key} is no setting of training; try it with evaluate on a trained model")
        if (each.key.startswith("tokenizer") or each.key == "start-from") and metric in PER_TOKEN:
            raise ValueError(f"--over: {each.key} changes what a token is, and with it {metric}; give another --metric")


def _is_below_a_choice(key: str, run: RunConfig) -> bool:
    """Whether another setting decides if the key exists: momentum is a key of Muon."""
    automatic = config.keys_where(RunConfig, lambda fact: fact.automatic, run.names)
    return any(key != each and config.is_in(key, (each,)) for each in automatic)


def _check_values(file: RunFile, fixed: Sequence[str], dimensions: Sequence[Dimension]) -> None:
    """ValueError unless every key accepts its values."""
    for each in dimensions:
        for value in each.ends:
            try:
                file.changed([*fixed, config.assignment(each.key, value)])
            except ValueError as error:
                raise ValueError(str(error).replace("--set:", "--over:", 1)) from None


def usual_dimensions(run: RunConfig) -> list[Dimension]:
    """The usual settings to try first, around the values of the run."""
    rate, batch = run.training.learning_rate, run.training.batch_tokens
    dropout = getattr(run.model, "dropout", None)
    return [
        Range("training.learning-rate", float(f"{rate / 4:.2g}"), float(f"{rate * 4:.2g}")),
        *([] if dropout is None else [Choices("model.dropout", tuple(sorted({0.0, 0.1, 0.2, 0.3, dropout})))]),
        Choices("training.label-smoothing", tuple(sorted({0.0, 0.1, 0.2, run.training.label_smoothing}))),
        Choices("training.batch-tokens", tuple(sorted({max(1, batch // 2), batch, batch * 2}))),
    ]


def _identity(run: RunConfig, data: RunData, dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """The content of search.json: the run, the dimensions, and the hash of the data."""
    identity = {f"run.{key}": value for key, value in config.values_of(run).items()}
    for number, each in enumerate(dimensions):
        identity |= {f"over.{number}.{key}": value for key, value in asdict(each).items()}
    identity["data"] = files.tree_digest({name: origin.content() for name, origin in data.origins.items()})
    parsed: dict[str, Any] = json.loads(json.dumps(identity))  # tuples are lists there
    return parsed


def _holds_another(folder: Path, identity: dict[str, Any]) -> bool:
    """Whether the folder holds another search. ValueError, with the first difference, if that has results to lose."""
    path = folder / SEARCH
    differences = config.differences(json.loads(path.read_bytes()), identity) if path.exists() else []
    if differences and any(result.value is not None for result in read_results(folder / RESULTS)):
        raise ValueError(
            f"{folder} holds another search, with {differences[0]}: restore the run file, the data and the settings of that "
            "search, or move the folder away"
        )
    return bool(differences)


def _all_trials(trials: Trials, run: RunConfig, dimensions: Sequence[Dimension], count: int) -> SearchOutcome:
    path = trials.folder / RESULTS
    results = read_results(path)

    def outcome(signal: int | None = None, finished: bool = True) -> SearchOutcome:
        return SearchOutcome(
            trials.folder, trials.metric, trials.higher_is_better, tuple(results), trials.fixed, finished, signal
        )

    for number in range(len(results), count):
        settings = _settings(trials, run, dimensions, results)
        assignments = "  ".join(config.assignment(key, value) for key, value in settings.items())
        log.info("trial %d (%d of %d): %s", number, number + 1, count, assignments)
        result = trials.run(number, settings)
        if isinstance(result, Stopped):
            return outcome(result.signal, finished=False)
        results.append(result)
        write_results(path, results)
        best = outcome().best
        trials.tidy(results, best)
        log.info("%s", _outcome(result, best, trials.metric))
    if outcome().best is None:
        raise ValueError(f"{trials.folder}: no trial has a result; trial 0: {results[0].failure}")
    return outcome()


def _settings(
    trials: Trials, run: RunConfig, dimensions: Sequence[Dimension], results: Sequence[Result]
) -> dict[str, Any]:
    """Of the next trial: the run's own for the first one, where the dimensions include them; else a proposal."""
    values = {dimension.key: config.value_at(run, dimension.key) for dimension in dimensions}
    if not results and all(dimension.holds(values[dimension.key]) for dimension in dimensions):
        return {dimension.key: dimension.listed(values[dimension.key]) for dimension in dimensions}
    history = [(result.settings, result.value) for result in results]
    return propose(dimensions, history, trials.higher_is_better, run.seed + len(results))


def _outcome(result: Result, best: Result | None, metric: str) -> str:
    if result.value is None:
        return f"trial {result.trial}: no result: {result.failure}"
    text = f"trial {result.trial}: {metric} {result.value:.4g} at step {result.step}, {result.minutes:.1f} minutes"
    if best is None or best.trial == result.trial:
        return f"{text}; the best so far"
    return f"{text}; the best so far: trial {best.trial} with {best.value:.4g}"
