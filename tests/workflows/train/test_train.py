"""Training end to end on a toy task: what it leaves, how it stops, and that going on changes nothing."""

import json
import logging
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import transduce
from toy import train, write_toy
from transduce import files
from transduce.cli.process import prepare_for_training, stop_on_signals
from transduce.machine import hardware
from transduce.terminal import messages_on_stderr, print_message
from transduce.training import checkpoints, metrics_log
from transduce.training.interrupt import StopRequest
from transduce.training.loop import Diverged
from transduce.training.training_step import TrainingStep
from transduce.workflows.train import precision
from transduce.workflows.train import run as train_workflow
from transduce.workflows.train import validation as validation_workflow
from transduce.workflows.train.run import Abandoned

COMMAND = [sys.executable, "-m", "transduce", "train"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The root of a run that was never interrupted."""
    root = tmp_path_factory.mktemp("whole")
    assert train(write_toy(root), root=root).finished
    return root


def final_state(root: Path) -> dict[str, str]:
    """SHA-256 of everything in the last checkpoint, but for the time that was spent."""
    folder = root / "runs/toy/checkpoints/step-00000030"
    state = json.loads((folder / "state.json").read_text())
    state.pop("seconds"), state.pop("validation_seconds"), state.pop("last_validation")
    hashes = {part: files.sha256(folder / f"{part}.safetensors") for part in checkpoints.PARTS}
    return hashes | {"state": json.dumps(state)}


def test_a_run_leaves_what_it_promises(whole):
    run = whole / "runs/toy"
    for name in ("run.toml", "metrics.jsonl", "curve.png", "model/manifest.json", "model/README.md", "lock"):
        assert (run / name).exists(), name
    assert list((run / "tensorboard").glob("events*"))
    assert (run / "checkpoints/latest").read_text() == "step-00000030\n"
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [event["step"] for event in events if event["kind"] == "validation"] == [10, 20, 30]
    losses = [event["loss"] for event in events if event["kind"] == "validation"]
    assert losses[-1] < losses[0]
    card = (run / "model/README.md").read_text()
    assert "| train | train.tsv | 282 | " in card and "Started from random weights." in card
    assert "| exact-match | " in card and " | nrefs:1\\|refs:any\\|case:mixed\\|norm:nfc |" in card


def test_only_the_newest_and_the_best_checkpoints_stay(whole):
    kept = checkpoints.names(whole / "runs/toy/checkpoints")
    state = checkpoints.load(whole / "runs/toy/checkpoints" / kept[-1]).state
    assert set(kept) == {"step-00000020", "step-00000030", state.best}


def test_the_model_is_the_best_checkpoint(whole):
    model = transduce.load(whole / "runs/toy/model")
    state = checkpoints.load_newest(whole / "runs/toy/checkpoints").state
    best = checkpoints.load(whole / "runs/toy/checkpoints" / state.best)
    for name, parameter in model.network.named_parameters():
        assert torch.equal(parameter, best.weights[name])
    outputs = model.translate(["abc", "", "gfedcba"], beam=2)
    assert len(outputs) == 3 and outputs[1] == ""


def test_two_runs_of_one_seed_are_the_same_bit_by_bit(whole, tmp_path):
    train(write_toy(tmp_path), root=tmp_path)
    assert final_state(tmp_path) == final_state(whole)


@pytest.mark.parametrize("stop_at", [7, 10, 19])
def test_stopping_and_going_on_changes_nothing(whole, tmp_path, stop_at, monkeypatch):
    """Stopped between validations and at one; the signal arrives in the middle of an update."""
    run_file = write_toy(tmp_path)
    calls = 0
    update = TrainingStep.forward

    def counting(*arguments):
        nonlocal calls
        calls += 1
        if calls == stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return update(*arguments)

    monkeypatch.setattr(TrainingStep, "forward", counting)
    stopped = train(run_file, root=tmp_path, stopping=stop_on_signals)
    assert not stopped.finished and stopped.signal == signal.SIGINT and stopped.state.step == stop_at
    torch.manual_seed(99)  # what the next sitting finds in its generator must not matter
    assert train(run_file, resume=True, root=tmp_path).finished
    assert final_state(tmp_path) == final_state(whole)


@pytest.mark.parametrize("validation", [1, 3])
def test_stopping_inside_a_validation_and_going_on_changes_nothing(whole, tmp_path, monkeypatch, validation):
    """The first validation and the last: it is broken off, and made when the run goes on."""
    run_file, calls, predict = write_toy(tmp_path), 0, validation_workflow.DevSet._predict

    def interrupted(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == validation:
            os.kill(os.getpid(), signal.SIGTERM)
        return predict(*arguments, **options)

    monkeypatch.setattr(validation_workflow.DevSet, "_predict", interrupted)
    stopped = train(run_file, root=tmp_path, stopping=stop_on_signals)
    assert not stopped.finished and stopped.signal == signal.SIGTERM and stopped.state.step == 10 * validation
    assert train(run_file, resume=True, root=tmp_path).finished
    assert final_state(tmp_path) == final_state(whole)


def killed_and_resumed(root: Path, kills: int, seed: int) -> None:
    """Runs the command, killing it at random moments, until it has finished undisturbed."""
    run_file, draw = write_toy(root), random.Random(seed)
    for attempt in range(kills + 1):
        resume = ["--resume"] if (root / "runs/toy/run.toml").exists() else []
        process = subprocess.Popen(
            [*COMMAND, run_file.name, *resume], cwd=root, env=ENVIRONMENT, stderr=subprocess.PIPE
        )
        if attempt == kills:
            assert process.wait(timeout=120) == 0, process.stderr.read().decode()
            process.stderr.close()
            return
        _wait_for(process, root / "runs/toy/run.toml")
        time.sleep(draw.uniform(0.0, 1.5))
        process.kill()
        process.communicate()


def _wait_for(process: subprocess.Popen, path: Path) -> None:
    until = time.monotonic() + 60
    while process.poll() is None and not path.exists() and time.monotonic() < until:
        time.sleep(0.01)


def test_a_killed_run_goes_on_to_the_same_end(whole, tmp_path):
    killed_and_resumed(tmp_path, kills=2, seed=1)
    assert final_state(tmp_path) == final_state(whole)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_a_run_killed_often_goes_on_to_the_same_end(whole, tmp_path, seed):
    killed_and_resumed(tmp_path, kills=5, seed=seed)
    assert final_state(tmp_path) == final_state(whole)


def test_ctrl_c_says_how_to_go_on(tmp_path):
    run_file = write_toy(tmp_path)
    process = subprocess.Popen(
        [*COMMAND, run_file.name, "--set", "training.steps=100000"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
    )
    _wait_for(process, tmp_path / "runs/toy/checkpoints/latest")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"to continue: transduce train toy.toml --set training.steps=100000 --resume" in errors
    assert b"Traceback" not in errors


def test_an_existing_run_is_refused_and_untouched(whole):
    before = {path: path.stat().st_mtime_ns for path in (whole / "runs/toy").rglob("*") if path.name != "lock"}
    with pytest.raises(ValueError, match=r"holds a run already.*--resume"):
        train(whole / "toy.toml", root=whole)
    assert before == {path: path.stat().st_mtime_ns for path in (whole / "runs/toy").rglob("*") if path.name != "lock"}


def test_two_trainers_on_one_folder(tmp_path):
    run_file = write_toy(tmp_path)
    with files.folder_lock(tmp_path / "runs/toy"), pytest.raises(ValueError, match=str(os.getpid())):
        train(run_file, root=tmp_path)


def test_checkpoints_that_are_gone_are_no_reason_to_begin_anew(tmp_path):
    run_file = write_toy(tmp_path)
    train(run_file, root=tmp_path)
    log = (tmp_path / "runs/toy/metrics.jsonl").read_bytes()
    shutil.rmtree(tmp_path / "runs/toy/checkpoints")
    with pytest.raises(ValueError, match=r"holds no checkpoint, but metrics\.jsonl tells of validations"):
        train(run_file, resume=True, root=tmp_path)
    assert (tmp_path / "runs/toy/metrics.jsonl").read_bytes() == log


def test_a_closed_terminal_saves_as_ctrl_c_does(tmp_path, monkeypatch):
    run_file = write_toy(tmp_path)
    loss = TrainingStep.forward
    monkeypatch.setattr(
        TrainingStep,
        "forward",
        lambda *arguments: (os.kill(os.getpid(), signal.SIGHUP), loss(*arguments))[1],
    )
    stopped = train(run_file, root=tmp_path, stopping=stop_on_signals)
    assert stopped.signal == signal.SIGHUP and checkpoints.names(tmp_path / "runs/toy/checkpoints") == ["step-00000001"]


def test_resume_refuses_other_settings_and_takes_a_longer_budget(tmp_path):
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=10"], root=tmp_path)
    with pytest.raises(ValueError, match=r"began with seed = 3, now it is 4"):
        train(run_file, ["seed=4"], resume=True, root=tmp_path)
    longer = train(run_file, ["training.steps=12"], resume=True, root=tmp_path)
    assert longer.finished and longer.state.step == 12
    run_file.write_text(re.sub(r"steps = \d+\n", "", run_file.read_text()))
    same = train(run_file, resume=True, root=tmp_path)  # without a budget that of the run
    assert same.finished and same.state.step == 12 and same.state.budget == "steps 12"


def test_a_budget_that_changed_is_reckoned_anew_even_after_a_kill(tmp_path, monkeypatch):
    """From steps to minutes; the sitting that would have made them longer dies before its first checkpoint."""
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=4"], root=tmp_path)
    longer = ["training.steps=none", "training.minutes=0.1"]
    monkeypatch.setattr(train_workflow, "run_loop", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(run_file, longer, resume=True, root=tmp_path)
    monkeypatch.undo()
    found = train(run_file, longer, resume=True, root=tmp_path)
    assert found.finished and found.state.step > 4


def test_the_number_format_is_that_of_the_beginning(tmp_path, monkeypatch, caplog):
    """Begun where bf16 is fast, gone on with where it is not."""
    run_file = write_toy(tmp_path)
    run_file.write_text(run_file.read_text().replace('precision = "float32"', 'precision = "auto"'))
    monkeypatch.setattr(precision, "bf16_is_fast", lambda device: True)
    train(run_file, ["training.steps=2"], root=tmp_path)
    assert 'precision = "bf16"' in (tmp_path / "runs/toy/run.toml").read_text()
    monkeypatch.setattr(precision, "bf16_is_fast", lambda device: False)
    caplog.set_level(logging.INFO, "transduce")
    train(run_file, ["training.steps=4"], resume=True, root=tmp_path)
    assert "bf16 with float32 masters" in caplog.text


def test_stopping_after_an_update_that_was_left_out_keeps_the_work(tmp_path, monkeypatch):
    run_file, calls = write_toy(tmp_path), 0
    loss = TrainingStep.forward

    def failing(*arguments):
        nonlocal calls
        calls += 1
        found = loss(*arguments)
        if calls == 8:
            found.total.data.fill_(float("nan"))
            os.kill(os.getpid(), signal.SIGINT)
        return found

    monkeypatch.setattr(TrainingStep, "forward", failing)
    stopped = train(run_file, root=tmp_path, stopping=stop_on_signals)
    assert stopped.state.step == 7
    assert checkpoints.load_newest(tmp_path / "runs/toy/checkpoints").state.step == 7


@pytest.mark.parametrize("line", ["5", '{"step": "x"}', "\udcff", "[1]"])
def test_a_damaged_log_does_not_stop_a_run(tmp_path, line):
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=2"], root=tmp_path)
    with (tmp_path / "runs/toy/metrics.jsonl").open("a", encoding="utf-8", errors="surrogateescape") as log:
        log.write(line + "\n")
    assert train(run_file, ["training.steps=4"], resume=True, root=tmp_path).finished


@pytest.mark.parametrize(
    "setting",
    [
        "training.schedule.warmup=-5",
        "training.schedule.final=-3.0",
        "training.optimiser.eps=-1.0",
        "model.norm.eps=-100.0",
        "model.positions.base=0.0",
        "decoding.max-ratio=1e308",
        "decoding.alpha=400.0",
        "decoding.n-best=2",
        "model.dropout=1.0",
    ],
)
def test_impossible_settings_are_named_before_anything_is_done(tmp_path, setting):
    key = setting.split("=")[0].rpartition(".")[2]
    with pytest.raises(ValueError, match=key):
        train(write_toy(tmp_path), [setting], root=tmp_path)
    assert not (tmp_path / "prepared").exists()


def test_resume_without_a_run(tmp_path):
    with pytest.raises(ValueError, match="holds no run to resume"):
        train(write_toy(tmp_path), resume=True, root=tmp_path)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, caplog):
    caplog.set_level(logging.INFO, "transduce")
    run_file = write_toy(tmp_path)
    train(run_file, root=tmp_path)
    folder = tmp_path / "runs/toy/checkpoints"
    damaged(folder / "step-00000030/weights.safetensors")
    done = train(run_file, ["training.steps=30"], resume=True, root=tmp_path)
    assert done.finished
    (warning,) = (each.getMessage() for each in caplog.records if each.levelno == logging.WARNING)
    assert "step-00000030 cannot be used" in warning and "weights.safetensors" in warning
    assert "resuming from step 20" in caplog.messages
    assert (folder / "damaged-step-00000030").is_dir()
    assert checkpoints.load(folder / "step-00000030").state.step == 30


def test_damaged_checkpoints_do_not_push_out_good_ones(tmp_path):
    """Two damaged ones are newer than all that the next sitting writes before it is stopped again."""
    run_file = write_toy(tmp_path)
    train(run_file, ["training.keep-last=4"], root=tmp_path)
    folder = tmp_path / "runs/toy/checkpoints"
    for step in (20, 30):
        damaged(folder / f"step-000000{step}/weights.safetensors")
    train(run_file, ["training.keep-last=1", "training.steps=12"], resume=True, root=tmp_path)
    assert checkpoints.load_newest(folder).state.step == 12


def test_without_any_whole_checkpoint_nothing_starts_anew(tmp_path):
    run_file = write_toy(tmp_path)
    train(run_file, root=tmp_path)
    for path in (tmp_path / "runs/toy/checkpoints").glob("*/state.json"):
        damaged(path)
    with pytest.raises(ValueError, match="no usable checkpoint"):
        train(run_file, resume=True, root=tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(tmp_path, monkeypatch):
    run_file = write_toy(tmp_path)
    calls = 0
    loss = TrainingStep.forward

    def failing(*arguments):
        nonlocal calls
        calls += 1
        found = loss(*arguments)
        if calls > 12:
            found.total.data.fill_(float("nan"))
        return found

    monkeypatch.setattr(TrainingStep, "forward", failing)
    with pytest.raises(ValueError, match=r"diverged at step 13.*best checkpoint is .*step-00000010.*learning-rate"):
        train(run_file, root=tmp_path)
    assert checkpoints.load_newest(tmp_path / "runs/toy/checkpoints").state.step == 10
    assert transduce.load(tmp_path / "runs/toy/model")


def test_a_full_disk_is_said_and_the_previous_checkpoint_stays(tmp_path):
    """A limit on file size stands in for a full disk: the weights no longer fit after the first checkpoint."""
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=10"], root=tmp_path)
    folder = tmp_path / "runs/toy/checkpoints"
    limit = (folder / "step-00000010/weights.safetensors").stat().st_size // 2
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from transduce.cli.main import main; import transduce.workflows.train.run;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "sys.exit(main(['train', 'toy.toml', '--resume', '--set', 'training.steps=20']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=120
    )
    assert done.returncode == 2 and b"transduce: error:" in done.stderr and b"Traceback" not in done.stderr
    assert (folder / "latest").read_text() == "step-00000010\n"
    assert checkpoints.names(folder) == ["step-00000010"]
    assert checkpoints.load(folder / "step-00000010").state.step == 10
    assert run_file.exists()


def test_an_unknown_metric_is_named_before_anything_is_done(tmp_path):
    with pytest.raises(ValueError, match=r"training.metric must be one of loss, .*found 'blue'"):
        train(write_toy(tmp_path), ["training.metric=blue"], root=tmp_path)
    assert not (tmp_path / "prepared").exists()


def test_without_a_dev_set_it_says_what_to_add(tmp_path):
    with pytest.raises(ValueError, match=r"data.dev or data.split is needed"):
        train(write_toy(tmp_path), ["data.dev=none"], root=tmp_path)


def test_a_mistake_before_training_leaves_the_name_free(tmp_path):
    run_file = write_toy(tmp_path)
    with pytest.raises(ValueError):
        train(run_file, ["data.dev=none"], root=tmp_path)
    assert train(run_file, ["training.steps=2"], root=tmp_path).finished


def test_going_on_with_other_data_is_refused(tmp_path):
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=2"], root=tmp_path)
    with (tmp_path / "train.tsv").open("a", encoding="utf-8") as more:
        more.write("abcabcabc\tc b a\n")
    prepared = list((tmp_path / "prepared").iterdir())
    with pytest.raises(ValueError, match="began with other data"):
        train(run_file, ["training.steps=4"], resume=True, root=tmp_path)
    assert list((tmp_path / "prepared").iterdir()) == prepared  # no work is done before it is said


def test_minutes_become_steps_once(tmp_path):
    run_file = write_toy(tmp_path)
    found = train(
        run_file, ["training.steps=none", "training.minutes=0.05", "training.validate-every=none"], root=tmp_path
    )
    assert found.finished and found.state.total_steps == found.state.step > 0
    assert found.state.seconds < 60 * 0.05 * 3


def test_a_run_says_which_weights_became_the_model_and_how_much_of_its_budget_is_gone(tmp_path, caplog):
    caplog.set_level(logging.INFO, "transduce")
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=20", "training.metric=loss"], root=tmp_path)
    assert re.fullmatch(r"model: the weights at step 20, with loss [\d.]+ on the dev set", caplog.messages[-2])
    settings = ["training.steps=none", "training.minutes=0.001", "training.metric=loss"]
    found = train(run_file, settings, resume=True, root=tmp_path)
    assert found.finished and found.state.step == 20
    assert any(re.fullmatch(r"budget: minutes 0\.001, [\d.]+ minutes used", line) for line in caplog.messages)


def test_a_validation_that_was_told_of_twice_counts_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    kinds = [("train", 5), ("validation", 5), ("skipped", 5), ("skipped", 5), ("validation", 5), ("validation", 9)]
    path.write_text(
        "".join(json.dumps({"kind": kind, "step": step, "place": n}) + "\n" for n, (kind, step) in enumerate(kinds))
    )
    assert [event["place"] for event in metrics_log.read(path)] == [0, 2, 3, 4, 5]


def test_what_was_to_be_ignored_stays_so(tmp_path, monkeypatch):
    """As nohup has it: a terminal that closes is no reason to stop."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        loss = TrainingStep.forward
        monkeypatch.setattr(
            TrainingStep,
            "forward",
            lambda *arguments: (os.kill(os.getpid(), signal.SIGHUP), loss(*arguments))[1],
        )
        found = train(write_toy(tmp_path), ["training.steps=2"], root=tmp_path, stopping=stop_on_signals)
        assert found.finished and found.signal is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_does_not_wait(tmp_path, monkeypatch):
    def twice(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(TrainingStep, "forward", twice)
    with pytest.raises(Abandoned):
        train(write_toy(tmp_path), root=tmp_path, stopping=stop_on_signals)


def test_a_run_goes_on_where_nobody_reads_what_it_says(tmp_path, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as nobody, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", nobody)
        with messages_on_stderr():
            found = train(write_toy(tmp_path), ["training.steps=12"], root=tmp_path)
            assert found.finished and checkpoints.names(tmp_path / "runs/toy/checkpoints")
            print_message("later messages are ignored too")
        print("these too", file=nobody, flush=True)


def library_state() -> dict[str, object]:
    """What of the process a library call must leave as it was."""
    logger = logging.getLogger("transduce")
    return {
        "threads": torch.get_num_threads(),
        "handlers": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "environment": dict(os.environ),
        "torch": torch.get_rng_state().tolist(),
        "logging": (logger.level, [*logger.handlers], [*logging.getLogger().handlers]),
        "folder": os.getcwd(),
    }


def test_a_library_call_changes_nothing_of_the_process_and_is_silent(tmp_path, capfd):
    run_file, before = write_toy(tmp_path), library_state()
    during = []

    @contextmanager
    def stopping():
        during.append(library_state())
        yield StopRequest()

    train(run_file, ["training.steps=4"], root=tmp_path, stopping=stopping)
    train(run_file, ["training.steps=6"], resume=True, root=tmp_path, stopping=stopping)
    assert library_state() == before and capfd.readouterr() == ("", "")
    assert all({**each, "torch": None} == {**before, "torch": None} for each in during) and len(during) == 2


def test_another_number_of_threads_is_a_warning(tmp_path, caplog):
    run_file = write_toy(tmp_path)
    train(run_file, ["training.steps=2"], root=tmp_path)
    assert checkpoints.threads(tmp_path / "runs/toy/checkpoints") == 1
    torch.set_num_threads(2)
    train(run_file, ["training.steps=4"], resume=True, root=tmp_path)
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING] == [
        "this run began with 1 thread and continues with 2 threads, which round sums in another order; "
        "torch.set_num_threads(1) before training keeps it exact"
    ]
    assert torch.get_num_threads() == 2 and checkpoints.threads(tmp_path / "runs/toy/checkpoints") == 1


def test_the_command_resumes_with_the_threads_that_a_run_began_with(tmp_path, monkeypatch):
    train(write_toy(tmp_path), ["training.steps=2"], root=tmp_path)
    monkeypatch.setattr(hardware, "choose_threads", lambda: torch.set_num_threads(2))
    prepare_for_training([tmp_path / "runs/none", tmp_path / "runs/toy"])
    assert torch.get_num_threads() == 1
    prepare_for_training([tmp_path / "runs/none"])
    assert torch.get_num_threads() == 2
    assert checkpoints.threads(tmp_path / "runs/none/checkpoints") is None


def test_a_run_that_no_validation_gives_a_number_has_diverged(tmp_path, monkeypatch):
    """The last update made the network's outputs infinite, and no other follows to be found out."""
    nothing = {"loss": math.nan, "perplexity": math.nan}
    monkeypatch.setattr(validation_workflow.DevSet, "_loss", lambda self, stop: nothing)
    with pytest.raises(Diverged, match=r"no validation up to step 4 gave a number; begin a new run with a lower"):
        train(write_toy(tmp_path), ["training.steps=4"], root=tmp_path)
    assert not (tmp_path / "runs/toy/model").exists()
