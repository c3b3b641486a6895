"""Train: a run file to a run folder with a model in it."""

import logging
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from transduce import files
from transduce.data import overlap
from transduce.data.columns import Labels
from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.drawing import pictures
from transduce.drawing.curves import learning_curve
from transduce.evaluation.metrics import ERROR_RATES, QUICK_METRICS
from transduce.machine.devices import choose_device
from transduce.models.card import describe
from transduce.models.find import run_folder_of
from transduce.models.folder import ModelConfig, within_network
from transduce.models.model import Model
from transduce.networks.heads import inner_matrices
from transduce.networks.transfer import transfer
from transduce.tasks.references import figure_names, loss_unit
from transduce.training import metrics_log
from transduce.training.averaging import MovingAverage
from transduce.training.checkpoints import Checkpoint
from transduce.training.interrupt import Abandoned, Stopping, never
from transduce.training.job import Job
from transduce.training.loop import run as run_loop
from transduce.training.metrics_log import MetricsLog
from transduce.training.precision import PRECISIONS, MasterWeights
from transduce.training.state import TrainState
from transduce.training.training_step import TrainingStep
from transduce.training.update import Trainable
from transduce.workflows.prepare.run import Prepared, prepare
from transduce.workflows.train.calibration import calibrate
from transduce.workflows.train.choices import choose, log_choices
from transduce.workflows.train.plan import choices_of_run, plan
from transduce.workflows.train.precision import precision_of
from transduce.workflows.train.publishing import publisher, training_history
from transduce.workflows.train.reproducible import (
    check_threads,
    random_states_restored,
    seed_generators,
    threads_text,
)
from transduce.workflows.train.run_file import RunConfig, RunFile
from transduce.workflows.train.run_folder import RunFolder, newest_checkpoint, publish_again, restored, resume_from
from transduce.workflows.train.run_network import require_lengths
from transduce.workflows.train.start_from import Start
from transduce.workflows.train.start_overlap import warn_of_overlap
from transduce.workflows.train.stored_data import missing_file, stored_data
from transduce.workflows.train.validation import DevSet

__all__ = ["Abandoned", "Trained", "plan", "prepare_run", "require_trainable", "train"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """The result of a sitting: the run folder, whether the budget is spent, the signal that stopped it if one did."""

    folder: Path
    finished: bool
    state: TrainState
    signal: int | None = None


def train(
    file: RunFile,
    resume: bool = False,
    root: Path = Path("."),
    into: Path | None = None,
    stopping: Stopping = never,
    device: str | None = None,
    keep_tokenizers: bool = True,
) -> Trained:
    """Prepares the data where needed, then trains the run folder `into`: by default `root`/runs/NAME, NAME being the run
    file's stem. Settings that are given nowhere are chosen (choices.py); tokenizers that were prepared for the
    same records are kept, unless `keep_tokenizers` is false.

    `resume` continues a run that was stopped or killed; on a CPU, with the threads it began with, it ends bit for bit as if
    it had never stopped. `stopping` gives the request to stop that holds during the updates; the run then ends with a
    checkpoint. A KeyboardInterrupt during the updates is raised as Abandoned. `device` is auto (the default), cpu, cuda or
    cuda:N, of this sitting alone. Threads, signal handlers and the states of torch's random generators stay as they are.
    ValueErrors say what is wrong with the run file, the data or the folder.
    """
    device = choose_device(device)
    folder = RunFolder(into or root / "runs" / file.path.stem, file.parts)
    with files.folder_lock(folder.path), random_states_restored(device):
        if resume:
            config = folder.resumed(file)
        else:
            folder.refuse_if_taken()
            require_trainable(file.run)  # before the machine is measured
            config = _with_precision(log_choices(choices_of_run(file, device, root, keep_tokenizers)).run, device)
        require_trainable(config)
        job, state, prepared = _set_up(folder, config, file, resume, root, device)
        folder.write(config)
        if not resume or not (folder.path / overlap.NAME).exists():
            _keep_for_evaluation(folder, prepared, file.start)
        if state.best is not None and not folder.model.exists():
            publish_again(job, state)
        try:
            with stopping() as stop:
                finished = run_loop(job, state, stop)
                calibrate(folder, prepared, device)
        except KeyboardInterrupt:
            raise Abandoned from None
    return Trained(folder.path, finished, state, stop.signal)


def prepare_run(file: RunFile, root: Path = Path(".")) -> Prepared:
    """Prepares the data of a run file as `train` does, for settings that `train` accepts."""
    require_trainable(file.run)
    chosen = log_choices(choose(file, choose_device(None))).run
    require_trainable(chosen)
    prepared = prepare(plan(file, chosen, root))
    os.utime(prepared.folder / "report.json")  # the newest preparation gives the tokenizers of the next run
    warn_of_overlap(file.start, prepared)
    return prepared


def _set_up(
    folder: RunFolder, config: RunConfig, file: RunFile, resume: bool, root: Path, device: str
) -> tuple[Job, TrainState, Prepared]:
    """The job, where it stands, and its data, which is prepared only once it is known to be what the run began with.

    The prepared data alone is enough for a run with a checkpoint.
    """
    checkpoint = newest_checkpoint(folder) if resume else None
    prepared = _prepared(folder, config, file, checkpoint, root)
    for line in prepared.summary():
        text = line.removeprefix("warning: ")
        log.log(logging.INFO if text == line else logging.WARNING, "%s", text)
    if not resume:
        warn_of_overlap(file.start, prepared)
    return *_job(folder, config, prepared, file.start, checkpoint, device), prepared


def _prepared(
    folder: RunFolder, config: RunConfig, file: RunFile, checkpoint: Checkpoint | None, root: Path
) -> Prepared:
    base = file.path.parent
    if checkpoint is not None and missing_file(config.task, config.data, base):
        stored = stored_data(config.task, config.data, base, root / "prepared" / checkpoint.state.data)
        resume_from(folder, checkpoint, stored.folder.name)
        return stored
    preparation = plan(file, config, root)
    if checkpoint is not None:
        resume_from(folder, checkpoint, preparation.folder.name)
    return prepare(preparation)


def _keep_for_evaluation(folder: RunFolder, prepared: Prepared, start: Start | None) -> None:
    """The pairs held out, and what was trained on, of which a part may be what the model to go on with had learnt from."""
    for name in ("dev", "test"):
        if name in prepared.report["parts"]:
            files.write_atomically(folder.path / f"{name}.jsonl", (prepared.folder / f"{name}.jsonl").read_bytes())
    before = None if start is None else run_folder_of(start.path)
    if before is None:
        content = (prepared.folder / overlap.NAME).read_bytes()
    else:
        content = overlap.union(prepared.folder, before)
    files.write_atomically(folder.path / overlap.NAME, content)


def require_trainable(config: RunConfig) -> None:
    """ValueError about what is missing or wrong and can be said before any work is done."""
    task = config.task
    metrics = ["loss", *figure_names(task), *(name for name in task.metrics if name in QUICK_METRICS)]
    for key, metric in (("metric", config.training.metric), ("early-stop.metric", config.training.stop_metric)):
        if metric is not None and metric not in metrics:
            raise ValueError(
                f"training.{key} must be one of {', '.join(metrics)} for task {task.name}, found {metric!r}"
            )
    split = config.data.split
    if config.data.dev is None and (split is None or split.dev == 0):
        raise ValueError("data.dev or data.split is needed: without a dev set nothing tells which checkpoint is best")
    require_lengths(config.model, config.data.clean)


def _with_precision(config: RunConfig, device: str) -> RunConfig:
    """With "auto" replaced by what suits the device, so that a run that goes on elsewhere computes in the same type."""
    return replace(config, training=replace(config.training, precision=precision_of(config.training, device)))


def _job(
    folder: RunFolder,
    run: RunConfig,
    prepared: Prepared,
    start: Start | None,
    checkpoint: Checkpoint | None,
    device: str,
) -> tuple[Job, TrainState]:
    """Everything a run works with, and where it stands: at its beginning, or at a checkpoint."""
    task, training = run.task, run.training
    seed_generators(run.seed, device)
    processors = prepared.processors
    network = task.network(run.model, processors).to(device)
    begins_with_start = checkpoint is None and start is not None and _take_weights(network, run, processors, start)
    masters = MasterWeights(network, PRECISIONS[training.precision])
    optimiser = training.optimiser.build(masters.parameters, inner_matrices(network))
    moving = None if training.ema is None else MovingAverage(masters, training.ema)
    state = TrainState(
        data=prepared.folder.name, threads=torch.get_num_threads(), validated_at=-1 if begins_with_start else 0
    )
    if checkpoint is not None:
        state = restored(checkpoint, masters, optimiser, moving, device)
        check_threads(state.threads, device)
    model = Model(ModelConfig(task, run.model), network, processors, _generation(run, start), device)
    log.info("%s", _description(model.config, masters, device))
    dev = DevSet.of(prepared, model, training)
    history = training_history(folder, run, prepared, start, dev)
    step = TrainingStep(network, task.loss, training.label_smoothing, training.r_drop).train()
    costs, weights = task.cost(prepared.train.all_lengths()), [corpus.weight for corpus in run.data.train]
    job = Job(
        trainable=Trainable(
            step, lambda rows: task.batch(rows, processors, run.seed).to(device), masters, optimiser, training
        ),
        moving=moving,
        device=device,
        loader=prepared.loader(costs, training.batch_tokens, run.seed, weights),
        checkpoints=folder.checkpoints,
        log=MetricsLog(folder.path, state.step),
        validate=dev.validate,
        higher_is_better=lambda name: name in QUICK_METRICS and QUICK_METRICS[name].higher_is_better,
        publish=publisher(folder, model, history),
        unit=loss_unit(task),
        figures=lambda nll: task.figures(nll, dev.units_per_byte),
        draw=lambda: pictures.save(
            learning_curve(metrics_log.read(folder.metrics), ERROR_RATES, figure_names(task), loss_unit(task)),
            folder.curve,
        ),
    )
    return job, state


def _take_weights(network: nn.Module, run: RunConfig, processors: Processors, start: Start) -> bool:
    """Puts the weights of a start into a network; of a model for another task or other labels without the head. Logs which
    are taken and new. Returns whether the network is now the start's: one for the same task with nothing new.
    """
    labels, before = (
        [each for each in some.values() if isinstance(each, Labels)] for some in (processors, start.processors)
    )
    if labels and before and labels != before:
        log.info("start-from: the labels are not those of %s, so the head is new", start.folder)
    start_network = start.network()
    transferred = transfer(start_network, start.config.network, network, run.model, new_head=labels != before)
    parts = Counter(name.partition(".")[0] for name in transferred.matches)
    log.info(
        "start-from: %d tensors taken from the %s model (%s); new: %s",
        len(transferred.matches),
        start.config.task.name,
        ", ".join(f"{part} {count}" for part, count in parts.items()),
        ", ".join(transferred.new) or "none",
    )
    return start.config.task.name == run.task.name and not transferred.new


def _generation(run: RunConfig, start: Start | None) -> Generation:
    """How the model decodes: no source is cut that is as long as those that were learnt from, none is longer than the network
    reads.
    """
    longest = run.data.clean.max_length + 1
    begun = Generation() if start is None else start.generation
    return within_network(Generation.of(run.decoding, max(begun.max_source, longest)), run.model)


def _description(model: ModelConfig, masters: MasterWeights, device: str) -> str:
    count = sum(master.numel() for master in masters.masters)
    precision = "bf16 with float32 masters" if masters.separate else "float32"
    return f"model: {describe(model)}, {count:,} parameters; {precision} on {device}, {threads_text(torch.get_num_threads())}"
