"""Train: a run file to a run folder with a model in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from transduce import files, models
from transduce.data.loader import Loader
from transduce.data.store import Row
from transduce.drawing.curves import learning_curve
from transduce.evaluation.metrics import METRICS
from transduce.hardware import best_device, bf16_is_fast
from transduce.tasks import translation
from transduce.text.pair import Tokenizers
from transduce.training import checkpoints, metrics_log
from transduce.training.config import TrainingConfig
from transduce.training.interrupt import StopRequest, stop_on_signals
from transduce.training.loop import Job, Validation, run
from transduce.training.losses import TokenLoss
from transduce.training.metrics_log import MetricsLog
from transduce.training.optimisers import load_tensors
from transduce.training.precision import MasterWeights
from transduce.training.state import TrainState
from transduce.training.update import Trainable
from transduce.workflows.card import model_card
from transduce.workflows.prepare import Prepared, prepare
from transduce.workflows.run_file import RunConfig, load_run
from transduce.workflows.run_folder import RunFolder
from transduce.workflows.validation import DevSet

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What a sitting left: the run folder, whether the budget is spent, the signal that stopped it if one did."""

    folder: Path
    finished: bool
    state: TrainState
    signal: int | None = None


def train(
    run_path: Path, overrides: Sequence[str] = (), resume: bool = False, root: Path = Path("."), say: Say = print
) -> Trained:
    """Prepares the data where needed, then trains `root`/runs/NAME, NAME being the run file's stem.

    `resume` goes on with a run that was stopped or killed, bit by bit as if it had not been. Ctrl-C and SIGTERM stop after
    the update in hand, with a checkpoint. ValueErrors say what is wrong with the run file, the data or the folder.
    """
    config = load_run(run_path, overrides)
    _check_metric(config.training)
    folder = RunFolder(root / "runs" / run_path.stem)
    with files.FolderLock(folder.path):
        began = folder.resume(config) if resume else None
        if began is None:
            folder.refuse_if_taken()
        prepared = prepare(config.data, config.tokenizer, config.seed, run_path.parent, root / "prepared")
        for line in prepared.summary():
            say(line)
        state = TrainState(data=prepared.folder.name)
        job = _job(folder, config, prepared, say, state, began)
        folder.write(config)
        try:
            with stop_on_signals() as stop:
                finished = run(job, state, stop)
        finally:
            job.log.close()
    return Trained(folder.path, finished, state, stop.signal)


def _check_metric(config: TrainingConfig) -> None:
    known = ["loss", "perplexity", *METRICS]
    if config.metric not in known:
        raise ValueError(f"training.metric must be one of {', '.join(known)}, found {config.metric!r}")


def _job(
    folder: RunFolder, config: RunConfig, prepared: Prepared, say: Say, state: TrainState, began: RunConfig | None
) -> Job:
    """Builds everything a run works with; with `began`, from its newest good checkpoint, which fills `state`."""
    device = best_device()
    torch.manual_seed(config.seed)
    tokenizers = prepared.tokenizers
    spec = model_spec(config, tokenizers)
    network = models.build(spec).to(device)
    masters = MasterWeights(network, compute_type(config.training, device))
    optimiser = config.training.optimiser.build(masters.masters)
    if began is not None:
        _load_checkpoint(folder, masters, optimiser, state, say)
        if config.training.minutes != began.training.minutes:
            state.total_steps = None
    network.train()
    say(_description(spec, masters, device))

    def loss(source: Sequence[Row], target: Sequence[Row]) -> TokenLoss:
        return translation.loss(network, translation.batch_of(source, target, device), config.training.label_smoothing)

    dev = _dev_set(config, prepared, tokenizers, device)
    found: dict[str, float] = {}

    def validate(stop: StopRequest) -> Validation:
        validation = dev.validate(network, config.training.metric, stop)
        found.clear()
        found.update(validation.values)
        return validation

    def publish(state: TrainState) -> None:
        card = model_card(folder.path.name, config, spec, state, found)
        models.save(folder.model, spec, masters.tensors(), tokenizers, card)

    metric = METRICS.get(config.training.metric)
    return Job(
        trainable=Trainable(network, loss, masters, optimiser, config.training),
        loader=Loader(prepared.train, config.training.batch_tokens, config.seed),
        checkpoints=folder.checkpoints,
        log=MetricsLog(folder.path, state.step),
        validate=validate,
        higher_is_better=metric is not None and metric.higher_is_better,
        publish=publish,
        draw=lambda: learning_curve(metrics_log.read(folder.metrics), folder.curve),
    )


def model_spec(config: RunConfig, tokenizers: Tokenizers) -> models.ModelSpec:
    """What the run's network is."""
    decoding = config.decoding
    return models.ModelSpec(
        network=config.model,
        target_vocabulary=tokenizers.target.size,
        source_vocabulary=None if tokenizers.shared else tokenizers.source.size,
        generation=models.Generation(
            beam=decoding.beam,
            alpha=decoding.alpha,
            max_length=decoding.max_length,
            max_ratio=decoding.max_ratio,
            max_extra=decoding.max_extra,
        ),
    )


def compute_type(config: TrainingConfig, device: str) -> torch.dtype:
    """bfloat16 where the hardware is fast at it, or as the config says."""
    wanted = config.precision
    if wanted == "auto":
        wanted = "bf16" if bf16_is_fast(device) else "float32"
    return torch.bfloat16 if wanted == "bf16" else torch.float32


def _description(spec: models.ModelSpec, masters: MasterWeights, device: str) -> str:
    count = sum(master.numel() for master in masters.masters)
    precision = "bf16 with float32 masters" if masters.separate else "float32"
    network = spec.network
    return (
        f"model: {network.encoder_layers}+{network.decoder_layers} layers, {network.d_model} wide, {count:,} parameters; "
        f"{precision} on {device}, {torch.get_num_threads()} threads"
    )


def _load_checkpoint(
    folder: RunFolder, masters: MasterWeights, optimiser: torch.optim.Optimizer, state: TrainState, say: Say
) -> None:
    """Puts weights, optimiser, random generators and `state` back to the newest good checkpoint's."""
    if not checkpoints.names(folder.checkpoints):
        say(f"{folder.path}: no checkpoint had been written yet; the run begins at step 0")
        return
    found = checkpoints.load_newest(folder.checkpoints, say)
    if found.state.data != state.data:
        raise ValueError(
            f"{folder.path} began with other data (prepared/{found.state.data}, now prepared/{state.data}): put the files back as "
            "they were, or begin a new run"
        )
    checkpoints.set_aside_after(folder.checkpoints, checkpoints.name_of(found.state.step))
    masters.load(found.weights)
    load_tensors(optimiser, found.optimiser)
    checkpoints.set_random_states(found.random)
    state.__dict__.update(found.state.__dict__)
    say(f"going on from step {state.step}")


def _dev_set(config: RunConfig, prepared: Prepared, tokenizers: Tokenizers, device: str) -> DevSet:
    if prepared.dev is None:
        raise ValueError("data.dev or data.split is needed: without a dev set nothing tells which checkpoint is best")
    return DevSet(
        store=prepared.dev,
        texts=prepared.texts("dev")[: config.training.validate_sentences],
        tokenizers=tokenizers,
        decoding=config.decoding,
        batch_tokens=config.training.batch_tokens,
        device=device,
    )
