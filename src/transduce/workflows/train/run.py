"""Train: a run file to a run folder with a model in it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from transduce import files
from transduce.data import overlap
from transduce.data.store import Row
from transduce.drawing.curves import learning_curve
from transduce.evaluation.metrics import ERROR_RATES, QUICK_METRICS
from transduce.machine.hardware import best_device, bf16_is_fast
from transduce.models import folder as model_folder
from transduce.models.card import model_card
from transduce.models.folder import Loaded
from transduce.networks.transformer import EncoderDecoder
from transduce.tasks import translation
from transduce.text.pair import Tokenizers
from transduce.training import budget, metrics_log, selection
from transduce.training.averaging import MovingAverage
from transduce.training.checkpoints import Checkpoint
from transduce.training.config import Precision, TrainingConfig
from transduce.training.interrupt import Abandoned, Stopping, never
from transduce.training.job import Job
from transduce.training.loop import run
from transduce.training.losses import TokenLoss
from transduce.training.metrics_log import MetricsLog
from transduce.training.precision import PRECISIONS, MasterWeights
from transduce.training.state import TrainState
from transduce.training.update import LossOf, Trainable
from transduce.workflows.evaluate.test_set import run_of
from transduce.workflows.prepare.run import Plan, Prepared, carry_out, plan
from transduce.workflows.train.choices import choose, logged
from transduce.workflows.train.run_file import RunConfig, RunFile, read_run
from transduce.workflows.train.run_folder import RunFolder, newest_checkpoint, restored
from transduce.workflows.train.start_from import Start
from transduce.workflows.train.validation import DevSet, dev_places

__all__ = ["Abandoned", "Trained", "prepare_file", "prepare_run", "require_trainable", "train", "train_file"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What a sitting left: the run folder, whether the budget is spent, the signal that stopped it if one did."""

    folder: Path
    finished: bool
    state: TrainState
    signal: int | None = None


def train(
    run_path: Path,
    overrides: Sequence[str] = (),
    resume: bool = False,
    root: Path = Path("."),
    into: Path | None = None,
    stopping: Stopping = never,
) -> Trained:
    """Prepares the data where needed, then trains the run folder `into`: by default `root`/runs/NAME, NAME being the run
    file's stem. Settings that are given nowhere are chosen by the size of the data (choices.py).

    `resume` continues a run that was stopped or killed; on a CPU, with the threads it began with, it ends bit for bit as if
    it had never stopped. `stopping` gives the request to stop that holds during the updates; the run then ends with a
    checkpoint. A KeyboardInterrupt during the updates is raised as Abandoned. Threads, signal handlers and the states of
    torch's random generators stay as they are. ValueErrors say what is wrong with the run file, the data or the folder.
    """
    return train_file(read_run(run_path, overrides), resume, root, into, stopping)


def train_file(
    file: RunFile,
    resume: bool = False,
    root: Path = Path("."),
    into: Path | None = None,
    stopping: Stopping = never,
) -> Trained:
    """`train` for a run file that has been read."""
    require_trainable(file.run)
    folder = RunFolder(into or root / "runs" / file.path.stem)
    with files.FolderLock(folder.path), _random_states_kept():
        if resume:
            config = folder.resumed(file)
        else:
            folder.refuse_if_taken()
            config = _with_precision(logged(choose(file)).run)
        job, state, prepared = _set_up(folder, config, file, resume, root)
        log.info("budget: %s%s", budget.name(config.training), _used_up(config.training, state))
        folder.write(config)
        _keep_for_evaluation(folder, prepared, file.start)
        try:
            with stopping() as stop:
                finished = run(job, state, stop)
        except KeyboardInterrupt:
            raise Abandoned from None
        log.info("%s: %s", folder.model, selection.chosen(config.training, state))
    return Trained(folder.path, finished, state, stop.signal)


def prepare_run(run_path: Path, overrides: Sequence[str] = (), root: Path = Path(".")) -> Prepared:
    """Prepares the data of a run file as `train` does."""
    file = read_run(run_path, overrides)
    return prepare_file(file, logged(choose(file)).run, root)


def prepare_file(file: RunFile, config: RunConfig, root: Path) -> Prepared:
    """Prepares the data of a run whose settings have been chosen."""
    return carry_out(_plan(file, config, root))


def _plan(file: RunFile, config: RunConfig, root: Path) -> Plan:
    tokenizers = None if file.start is None else file.start.tokenizers
    return plan(
        config.data, config.tokenizer, config.seed, file.path.parent, root / "prepared", tokenizers, file.data.origins
    )


def _set_up(
    folder: RunFolder, config: RunConfig, file: RunFile, resume: bool, root: Path
) -> tuple[Job, TrainState, Prepared]:
    """The job, where it stands, and its data, which is prepared only once it is known to be what the run began with."""
    start = None if file.start is None else file.start.load()
    planned = _plan(file, config, root)
    checkpoint = newest_checkpoint(folder, planned.folder.name) if resume else None
    prepared = carry_out(planned)
    for line in prepared.summary():
        text = line.removeprefix("warning: ")
        log.log(logging.INFO if text == line else logging.WARNING, "%s", text)
    return *_job(folder, config, prepared, start, checkpoint), prepared


def _keep_for_evaluation(folder: RunFolder, prepared: Prepared, start: Start | None) -> None:
    """The pairs held out, and what was trained on, of which a part may be what the model to go on with had learnt from."""
    for name in ("dev", "test"):
        if name in prepared.report["parts"]:
            files.write_atomically(folder.path / f"{name}.jsonl", (prepared.folder / f"{name}.jsonl").read_bytes())
    before = None if start is None else run_of(start.path)
    if before is None:
        content = (prepared.folder / overlap.NAME).read_bytes()
    else:
        content = overlap.of_both(prepared.folder, before)
    files.write_atomically(folder.path / overlap.NAME, content)


def _used_up(training: TrainingConfig, state: TrainState) -> str:
    """For a run that goes on: how much of its budget is gone, which counts from the run's beginning."""
    if not state.step:
        return ""
    used = f"{state.seconds / 60:.1f} minutes" if training.time_budget is not None else f"{state.step} steps"
    return f", {used} used"


def require_trainable(config: RunConfig) -> None:
    """ValueError about what is missing or wrong and can be said before any work is done."""
    known = ["loss", "perplexity", *QUICK_METRICS]
    for key, metric in (("metric", config.training.metric), ("early-stop.metric", config.training.watched)):
        if metric is not None and metric not in known:
            raise ValueError(f"training.{key} must be one of {', '.join(known)}, found {metric!r}")
    split = config.data.split
    if config.data.dev is None and (split is None or split.dev == 0):
        raise ValueError("data.dev or data.split is needed: without a dev set nothing tells which checkpoint is best")


def _with_precision(config: RunConfig) -> RunConfig:
    """With "auto" replaced by what suits this machine, so that a run that goes on elsewhere computes in the same type."""
    if config.training.precision != "auto":
        return config
    precision: Precision = "bf16" if bf16_is_fast(best_device()) else "float32"
    return replace(config, training=replace(config.training, precision=precision))


def _job(
    folder: RunFolder, config: RunConfig, prepared: Prepared, start: Loaded | None, found: Checkpoint | None
) -> tuple[Job, TrainState]:
    """Everything a run works with, and where it stands: at its beginning, or at the checkpoint that was found."""
    device = best_device()
    _seed(config.seed, device)
    tokenizers = prepared.tokenizers
    spec = model_spec(config, tokenizers, start)
    network = model_folder.build(spec).to(device)
    masters = MasterWeights(network, PRECISIONS[config.training.precision])
    if start is not None:
        masters.load(dict(start.network.named_parameters()))
    optimiser = config.training.optimiser.build(masters.named)
    moving = None if config.training.ema is None else MovingAverage(masters, config.training.ema)
    state = TrainState(
        data=prepared.folder.name, threads=torch.get_num_threads(), validated_at=0 if start is None else -1
    )
    if found is not None:
        state = restored(found, masters, optimiser, moving)
        _check_threads(state.threads, device)
    network.train()
    log.info("%s", _description(spec, masters, device))
    dev = _dev_set(config, prepared, tokenizers, device)

    def publish(state: TrainState, weights: dict[str, Tensor], values: Mapping[str, float]) -> None:
        card = model_card(folder.path.name, spec, state, values, config.seed, config.training.precision)
        model_folder.save(folder.model, spec, weights, tokenizers, card)

    job = Job(
        trainable=Trainable(network, _loss_of(network, config.training, device), masters, optimiser, config.training),
        moving=moving,
        loader=prepared.loader(config.training.batch_tokens, config.seed, [each.weight for each in config.data.train]),
        checkpoints=folder.checkpoints,
        log=MetricsLog(folder.path, state.step),
        validate=lambda stop: dev.validate(network, stop),
        higher_is_better=lambda name: name in QUICK_METRICS and QUICK_METRICS[name].higher_is_better,
        publish=publish,
        draw=lambda: learning_curve(metrics_log.read(folder.metrics), folder.curve, ERROR_RATES),
    )
    return job, state


@contextmanager
def _random_states_kept() -> Iterator[None]:
    """Puts the random generators that training uses back to their states: that of the CPU, and of the current GPU."""
    devices = [torch.cuda.current_device()] if best_device() == "cuda" else []
    with torch.random.fork_rng(devices):
        yield


def _seed(seed: int, device: str) -> None:
    """As torch.manual_seed, without the GPUs that the run does not use."""
    torch.default_generator.manual_seed(seed)
    if device == "cuda":
        torch.cuda.manual_seed(seed)


def _check_threads(began: int, device: str) -> None:
    """A warning where a run on a CPU began with another number of threads."""
    if device == "cpu" and began != torch.get_num_threads():
        log.warning(
            "this run began with %d threads and continues with %d, which round sums in another order; "
            "torch.set_num_threads(%d) before training keeps it exact",
            began,
            torch.get_num_threads(),
            began,
        )


def _loss_of(network: EncoderDecoder, training: TrainingConfig, device: str) -> LossOf:
    def loss(source: Sequence[Row], target: Sequence[Row]) -> TokenLoss:
        batch = translation.batch_of(source, target, device)
        if training.r_drop:
            return translation.consistent_loss(network, batch, training.label_smoothing, training.r_drop)
        return translation.loss(network, batch, training.label_smoothing)

    return loss


def model_spec(config: RunConfig, tokenizers: Tokenizers, start: Loaded | None) -> model_folder.ModelSpec:
    """What the run's network is."""
    begun = model_folder.Generation() if start is None else start.spec.generation
    longest = config.data.clean.max_length + 1  # no source is cut that is as long as those that were learnt from
    return model_folder.ModelSpec(
        network=config.model,
        target_vocabulary=tokenizers.target.size,
        source_vocabulary=None if tokenizers.shared else tokenizers.source.size,
        generation=model_folder.Generation.of(config.decoding, max(begun.max_source, longest)),
    )


def _description(spec: model_folder.ModelSpec, masters: MasterWeights, device: str) -> str:
    count = sum(master.numel() for master in masters.masters)
    precision = "bf16 with float32 masters" if masters.separate else "float32"
    network = spec.network
    return (
        f"model: {network.encoder_layers}+{network.decoder_layers} layers, {network.d_model} wide, {count:,} parameters; "
        f"{precision} on {device}, {torch.get_num_threads()} threads"
    )


def _dev_set(config: RunConfig, prepared: Prepared, tokenizers: Tokenizers, device: str) -> DevSet:
    assert prepared.dev is not None  # require_trainable has seen that one is named; prepare fails where it is empty
    texts = prepared.texts("dev")
    return DevSet(
        store=prepared.dev,
        texts=[texts[place] for place in dev_places(len(texts), config.training.validate_sentences)],
        tokenizers=tokenizers,
        decoding=config.decoding,
        batch_tokens=config.training.batch_tokens,
        device=device,
    )
