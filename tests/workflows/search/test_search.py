"""A search over runs of a few updates: what it leaves, that it goes on, and what it refuses."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from toy import write_toy
from transduce.cli.main import main
from transduce.cli.process import stop_on_signals
from transduce.tasks.translation import Translation
from transduce.training import metrics_log
from transduce.training.loop import Diverged
from transduce.training.optimisers import Muon
from transduce.workflows.search import run as search_module
from transduce.workflows.search import trials as trials_module
from transduce.workflows.search.proposals import require_optuna
from transduce.workflows.search.run import SearchOutcome, _fixed, search, usual_dimensions
from transduce.workflows.search.space import Choices
from transduce.workflows.search.trials import Result, read_results, write_results
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.choices import choose
from transduce.workflows.train.run_file import read_run

SHORT = ("training.steps=4", "training.validate-every=2", "training.metric=loss", "training.validate-sentences=4")
OVER = ("training.learning-rate=1e-4..1e-2", "model.dropout=0.0,0.1,0.3")


def searched(root: Path, count: int = 3, over: tuple[str, ...] = OVER) -> SearchOutcome:
    return search(root / "toy.toml", over, count, SHORT, root, stop_on_signals)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchOutcome]:
    """A search of three trials that nothing interrupted."""
    root = tmp_path_factory.mktemp("whole")
    write_toy(root)
    return root, searched(root)


def compared(found: SearchOutcome) -> list[tuple[int, dict[str, object], float | None, int]]:
    """All of the results but the time they took."""
    return [(each.trial, each.settings, each.value, each.step) for each in found.results]


def test_a_search_compares_trials(whole: tuple[Path, SearchOutcome]) -> None:
    root, found = whole
    assert found.finished and found.folder == root / "runs/toy-search"
    assert [each.trial for each in found.results] == [0, 1, 2]
    own = choose(read_run(root / "toy.toml", SHORT)).run
    assert found.results[0].settings == {
        "training.learning-rate": own.training.learning_rate,
        "model.dropout": own.model.dropout,
    }
    values = [each.value for each in found.results if each.value is not None]
    assert len(set(values)) == 3
    assert found.best is not None and found.best.value == min(values)  # a loss
    for each in found.results:
        events = metrics_log.read(found.folder / f"trial-00{each.trial}/metrics.jsonl")
        losses = [event["loss"] for event in events if event["kind"] == "validation"]
        assert each.value == min(losses) and each.step in (2, 4)


def test_only_the_best_trial_keeps_its_model(whole: tuple[Path, SearchOutcome]) -> None:
    _, found = whole
    assert found.best is not None
    for each in found.results:
        folder = found.folder / f"trial-00{each.trial}"
        assert (folder / "model").exists() == (folder / "checkpoints").exists() == (each.trial == found.best.trial)
        assert (folder / "run.toml").exists() and (folder / "curve.png").exists()


def test_the_same_command_does_nothing_again_and_more_trials_go_on(
    whole: tuple[Path, SearchOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, found = whole
    monkeypatch.setattr(trials_module, "train", None)
    assert searched(root) == found
    assert searched(root, 1).results == found.results  # fewer asked for than there are


@pytest.mark.parametrize(("losses", "trials"), [(3, 0), (9, 1)])  # those of validations too
def test_a_search_that_is_stopped_goes_on_as_if_it_had_not_been(
    whole: tuple[Path, SearchOutcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, losses: int, trials: int
) -> None:
    """Stopped in the first trial, and in the second."""
    write_toy(tmp_path)
    calls, loss = 0, Translation.loss

    def counting(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == losses:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Translation, "loss", counting)
    stopped = searched(tmp_path)
    assert not stopped.finished and stopped.signal == signal.SIGINT and len(stopped.results) == trials
    assert compared(searched(tmp_path)) == compared(whole[1])


def test_a_trial_that_cannot_go_on_is_made_anew(whole: tuple[Path, SearchOutcome], tmp_path: Path) -> None:
    write_toy(tmp_path)
    searched(tmp_path, 1)
    damaged = tmp_path / "runs/toy-search/trial-001"
    damaged.mkdir()
    (damaged / "run.toml").write_text("cut off in the mid")
    assert compared(searched(tmp_path)) == compared(whole[1])


def test_another_search_in_the_same_folder_is_refused(whole: tuple[Path, SearchOutcome]) -> None:
    root, _ = whole
    with pytest.raises(ValueError, match=r"toy-search holds another search, with over\.0\.high = 0\.01, now 0\.02"):
        searched(root, 3, ("training.learning-rate=1e-4..2e-2", OVER[1]))
    with pytest.raises(ValueError, match=r"with run\.training\.steps = 4, now 5"):
        search(root / "toy.toml", OVER, 3, [*SHORT, "training.steps=5"], root)


def test_run_file_and_data_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path)
    lines, run_file = (tmp_path / "train.tsv").read_text(), (tmp_path / "toy.toml").read_text()

    def meanwhile(trials: trials_module.Trials, number: int, settings: dict[str, Any]) -> Result:
        (tmp_path / "train.tsv").write_text(lines + "abcabcabc\tc b a\n")
        (tmp_path / "toy.toml").write_text(run_file.replace("seed = 3", "seed = 4"))
        seed = trials.file.changed(["training.steps=5"]).run.seed
        return Result(number, settings, float(seed))

    monkeypatch.setattr(trials_module.Trials, "run", meanwhile)
    assert [each.value for each in searched(tmp_path).results] == [3.0, 3.0, 3.0]
    with pytest.raises(ValueError, match=r"holds another search, with data = .*: restore the run file, the data and"):
        searched(tmp_path, 4)
    (tmp_path / "train.tsv").write_text(lines)
    with pytest.raises(ValueError, match=r"holds another search, with run\.seed = 3, now 4"):
        searched(tmp_path, 4)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.metric=blue", r"training\.metric must be one of"),
        ("data.dev=none", r"data\.dev or data\.split is needed"),
    ],
)
def test_mistakes_that_training_would_find_stop_the_search(tmp_path: Path, setting: str, message: str) -> None:
    write_toy(tmp_path)
    with pytest.raises(ValueError, match=message):
        search(tmp_path / "toy.toml", OVER, 2, [*SHORT, setting], tmp_path)
    assert not (tmp_path / "runs").exists()


def test_bad_lines_stop_the_search_and_lock_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path)
    monkeypatch.setattr(trials_module.Trials, "run", lambda self, number, settings: Result(number, settings, 1.0))
    lines = (tmp_path / "train.tsv").read_text()
    (tmp_path / "train.tsv").write_text(lines + "only one column\n")
    with pytest.raises(ValueError, match=r"train\.tsv:\d+: wrong number of columns"):
        searched(tmp_path)
    (tmp_path / "train.tsv").write_text(lines)
    assert len(searched(tmp_path, 1).results) == 1


def test_a_search_that_came_to_nothing_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path)
    failing = Result(0, {}, None, failure="memory ran out")
    monkeypatch.setattr(
        trials_module.Trials, "run", lambda self, number, settings: replace(failing, trial=number, settings=settings)
    )
    with pytest.raises(ValueError, match="no trial has a result; trial 0: memory ran out"):
        searched(tmp_path, 2)
    monkeypatch.setattr(trials_module.Trials, "run", lambda self, number, settings: Result(number, settings, 1.0))
    found = searched(tmp_path, 1, OVER[1:])
    assert [each.trial for each in found.results] == [0] and found.results[0].settings.keys() == {"model.dropout"}
    with pytest.raises(ValueError, match="holds another search"):
        searched(tmp_path, 2)


def test_an_item_of_a_list_begins_with_its_own_value_and_is_no_toml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run_file = write_toy(tmp_path)
    corpora = 'train = [{ file = "train.tsv" }, { file = "more.tsv", weight = 2.0 }]'
    run_file.write_text(run_file.read_text().replace('train = [{ file = "train.tsv" }]', corpora))
    (tmp_path / "more.tsv").write_text("abcabcabc\tc b a\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trials_module.Trials, "run", lambda self, number, settings: Result(number, settings, 1.0))
    monkeypatch.setattr(search_module, "_fixed", lambda *_: ("training.optimiser=muon",))
    assert main(["search", "toy.toml", "--over", "data.train.1.weight=0.5,1,2", "--trials", "1"]) == 0
    out = capfd.readouterr().out
    (result,) = read_results(Path("runs/toy-search/results.jsonl"))
    assert result.settings == {"data.train.1.weight": 2}
    snippet, command = (
        '\n\n[training]\noptimiser = "muon"\n\n',
        "transduce train toy.toml --name toy-best --set training.optimiser=muon",
    )
    assert f"{snippet}{command} --set data.train.1.weight=2\n" in out and "[data" not in out


def test_failures_are_results_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path)
    train = trials_module.train

    def diverges(*arguments: object, **settings: object) -> object:
        if arguments[0].run.training.learning_rate in (5.0, 6.0):  # type: ignore[attr-defined]
            raise Diverged("the loss is not finite")
        return train(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(trials_module, "train", diverges)
    found = searched(tmp_path, 6, ("model.heads=4,8", "model.d-model=16,24,20"))  # all there are
    (failed,) = [each for each in found.results if each.value is None]
    assert failed.settings == {"model.heads": 8, "model.d-model": 20}
    assert "d-model must be a multiple of heads" in failed.failure
    found = search(tmp_path / "toy.toml", ["training.learning-rate=5.0,0.01"], 2, [*SHORT, "seed=4"], tmp_path / "b")
    assert sorted(each.failure for each in found.results) == ["", "the loss is not finite"]
    assert found.best is not None and found.best.settings == {"training.learning-rate": 0.01}
    with pytest.raises(ValueError, match=r"no trial has a result; trial 0: the loss is not finite"):
        search(tmp_path / "toy.toml", ["training.learning-rate=5.0,6.0"], 1, [*SHORT, "seed=1"], tmp_path / "c")


def test_settings_that_do_not_go_with_the_data_are_failures_too(tmp_path: Path) -> None:
    write_toy(tmp_path)
    found = searched(tmp_path, 2, ("data.clean.scripts.source=Latin,Greek",))
    values = {each.settings["data.clean.scripts.source"]: each for each in found.results}
    assert values["Latin"].value is not None and "no pairs are left to train on" in values["Greek"].failure
    assert searched(tmp_path, 2, ("data.clean.scripts.source=Latin,Greek",)).results == found.results


def test_a_signal_in_the_last_moments_of_a_trial_stops_the_search(
    whole: tuple[Path, SearchOutcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy(tmp_path)
    train = trials_module.train

    def stopped(*arguments: object, **settings: object) -> object:
        return replace(train(*arguments, **settings), signal=signal.SIGINT)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(trials_module, "train", stopped)
        found = searched(tmp_path)
    assert not found.finished and found.signal == signal.SIGINT and not found.results
    assert compared(searched(tmp_path)) == compared(whole[1])


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ("tokenizer.target.vocabulary=10,30", "changes what a token is, and with it loss; give another --metric"),
        ("data.clean.max-length=10,30", "--over: data.clean.max-length changes what the trials are compared by"),
        ("training.learning-rat=1e-4..1e-3", r"--over: unknown key 'training.learning-rat'; did you mean"),
        ("model.dropout=0.1..1.5", r"--over: model.dropout must be at least 0 and below 1, found 1.5"),
        ("model.dropout=0.1,much", r"--over: model.dropout must be a number, found \"much\""),
        ("model.preset=transformer-tiny,transformer-smal", "model.preset must be one of"),
        ("training.batch-tokens=512.5,600.5", "must be a whole number"),
        ("data.split.dev=5..10", "--over: data.split.dev changes what the trials are compared by"),
        ("decoding.beam=1,4", "--over: decoding.beam is no setting of training"),
        ("training.metric=chrf,bleu", "changes what the trials are compared by"),
    ],
)
def test_mistakes_come_before_anything_runs(tmp_path: Path, over: str, message: str) -> None:
    write_toy(tmp_path)
    with pytest.raises(ValueError, match=message):
        searched(tmp_path, 2, (over,))
    assert not (tmp_path / "runs").exists()


def test_unknown_keys_come_before_the_data_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path)
    monkeypatch.setattr(search_module, "choose", None)
    with pytest.raises(ValueError, match=r"--over: unknown key 'training\.learning-rat'"):
        searched(tmp_path, 2, ("training.learning-rat=1e-3,2e-3",))


def test_more_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path)
    with pytest.raises(ValueError, match=r"--over: model\.dropout is given twice"):
        searched(tmp_path, 2, (OVER[1], "model.dropout=0.2,0.3"))
    with pytest.raises(ValueError, match="trials must be at least 1, found 0"):
        searched(tmp_path, 0)
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ValueError, match="a search needs Optuna: pip install"):
        require_optuna()


def test_the_usual_dimensions_hold_what_the_run_has(tmp_path: Path) -> None:
    run = choose(read_run(write_toy(tmp_path), SHORT)).run
    own = (run.training.learning_rate, run.model.dropout, run.training.label_smoothing, run.training.batch_tokens)
    assert all(each.holds(value) for each, value in zip(usual_dimensions(run), own, strict=True))


def test_the_command_prints_what_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_toy(tmp_path)
    monkeypatch.chdir(tmp_path)
    flags = [word for each in SHORT for word in ("--set", each)]
    schedule = "training.schedule=linear,cosine"
    assert main(["search", "toy.toml", "--over", schedule, "--trials", "5", "--metric", "perplexity", *flags]) == 0
    out, err = capfd.readouterr()
    assert "trial 1" in err
    lines = out.splitlines()
    assert lines[0].split() == ["trial", "perplexity", "step", "minutes", "training.schedule"]
    assert len(lines[1:3]) == 2 and lines[3] == ""  # two trials, as there are no more combinations
    best = lines[1].split()[-1]
    assert f'[training]\noptimiser = "muon"\nschedule = "{best}"\n' in out
    assert lines[-1].startswith("transduce train toy.toml --name toy-best --set training.steps=4 ")
    assert lines[-1].endswith(f" --set training.schedule={best}")


def test_results_may_hold_any_text(tmp_path):
    """A line ends at a line feed only, not at the other signs that Unicode has for it."""
    path = tmp_path / "results.jsonl"
    result = Result(0, {"model.dropout": 0.1}, None, failure="two\u2028lines\x85and more")
    write_results(path, [result])
    assert read_results(path) == [result]


def test_trials_share_what_was_chosen_for_the_run(whole: tuple[Path, SearchOutcome]) -> None:
    """A learning rate in a run file means that no optimiser is chosen by itself; here it is only searched."""
    _, found = whole
    assert found.fixed == ("training.optimiser=muon",)
    for each in found.results:
        assert 'optimiser]\nkind = "muon"\n' in (found.folder / f"trial-00{each.trial}/run.toml").read_text()


def test_what_is_searched_is_not_fixed(tmp_path: Path) -> None:
    choices = (Choice("model.preset", "transformer-base", ""), Choice("model.positions", "rotary", ""))
    assert _fixed(choices, [Choices("model.heads", (2, 4))]) == (
        "model.preset=transformer-base",
        "model.positions=rotary",
    )
    assert _fixed(choices, [Choices("model.preset", ("transformer-tiny", "transformer-small"))]) == (
        "model.positions=rotary",
    )
    sides = (Choice("tokenizer.source", {"kind": "bpe", "vocabulary": 500}, ""),)
    source = 'tokenizer.source={ kind = "bpe", vocabulary = 500 }'
    assert _fixed(sides, []) == _fixed(sides, [Choices("tokenizer.source.vocabulary", (300, 400))]) == (source,)
    assert _fixed(sides, [Choices("tokenizer.vocabulary", (300, 400))]) == ()
    assert _fixed((*choices, *sides), [Choices("start-from", ("../a", "../b"))]) == ()


def test_a_part_of_what_was_chosen_can_be_searched(tmp_path: Path) -> None:
    run_file = write_toy(tmp_path)
    found = search(run_file, ["training.optimiser.momentum=0.9,0.95"], 2, SHORT, tmp_path)
    assert found.results[0].settings == {"training.optimiser.momentum": 0.95}  # the run's own
    for each in found.results:
        kept = read_run(found.folder / f"trial-00{each.trial}/run.toml").run
        assert kept.training.optimiser == Muon(momentum=each.settings["training.optimiser.momentum"])


def test_a_vocabulary_of_both_sides_is_that_of_each_trial(tmp_path: Path) -> None:
    run_file = write_toy(tmp_path)
    text = run_file.read_text(encoding="utf-8")
    begin, end = text.index("source = {"), text.index("[model]")
    run_file.write_text(text[:begin] + text[end:], encoding="utf-8")
    over = ["tokenizer.vocabulary=270,280"]
    metric = "training.metric=exact-match"
    found = search(run_file, over, 2, [*SHORT, metric], tmp_path)
    sizes = {
        read_run(found.folder / f"trial-00{each.trial}/run.toml").run.tokenizer.side("target").vocabulary
        for each in found.results
    }
    assert sizes == {270, 280}
