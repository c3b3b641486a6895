"""The folder of a run, runs/NAME/: run.toml, checkpoints/, metrics.jsonl, tensorboard/, curve.png, model/ and lock.

A run resumes with the settings in its run.toml, from its newest good checkpoint.
"""

import logging
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from transduce import config, files
from transduce.config import Parts
from transduce.training import checkpoints, metrics_log
from transduce.training.averaging import MovingAverage
from transduce.training.checkpoints import Checkpoint
from transduce.training.job import Job
from transduce.training.loop import is_over
from transduce.training.optimisers import OptimiserGroup
from transduce.training.precision import MasterWeights
from transduce.training.state import TrainState
from transduce.workflows.train.run_file import BUDGETS, RunConfig, RunFile, read_run_toml, run_toml

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """Paths inside a run's folder. parts: the caller's own, which run.toml names."""

    path: Path
    parts: Parts = field(default_factory=dict)

    @property
    def run_file(self) -> Path:
        return self.path / "run.toml"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curve(self) -> Path:
        return self.path / "curve.png"

    @property
    def model(self) -> Path:
        return self.path / "model"

    def finished(self) -> bool:
        """Whether the newest checkpoint that can be read says that the run has come to its end."""
        try:
            state = checkpoints.load_newest(self.checkpoints).state
            return is_over(read_run_toml(self.run_file, self.parts).training, state)
        except ValueError:
            return False

    def refuse_if_taken(self) -> None:
        """A ValueError if something has been trained here. What came to no checkpoint is nothing to lose."""
        if checkpoints.names(self.checkpoints) or self.model.exists():
            raise ValueError(
                f"{self.path} holds a run already: resume it (--resume, or resume=True in Python), move it away, or give the "
                "new run another name (--name, or name= in Python)"
            )

    def write(self, run: RunConfig) -> None:
        files.write_atomically(self.run_file, run_toml(run, self.parts))

    def refuse_if_checkpoints_are_gone(self) -> None:
        """A ValueError if there must have been checkpoints: one is written after each validation, and then `latest`."""
        validations = [event for event in metrics_log.read(self.metrics) if event.get("kind") == "validation"]
        if len(validations) > 1 or (self.checkpoints / "latest").exists():
            raise ValueError(
                f"{self.checkpoints} holds no checkpoint, but {self.metrics.name} tells of validations: put the "
                "checkpoints back, or move the run folder away and begin a new run"
            )

    def resumed(self, file: RunFile) -> RunConfig:
        """The run that began here, with the changes that a run file may make to it.

        What the run file leaves open is as it was when the run began. ValueError for any other change.
        """
        if not self.run_file.exists():
            raise ValueError(f"{self.path} holds no run to resume: begin one, without --resume (resume=True in Python)")
        began = read_run_toml(self.run_file, self.parts)
        run = _filled(file, began)
        may_change = config.keys_where(RunConfig, lambda fact: fact.resume, parts=self.parts)
        values = [config.values_of(each, self.parts) for each in (began, run)]
        for key, before, now in config.differences(*values):
            if key not in may_change:
                raise ValueError(
                    f"{self.path} began with {key} = {before!r}, now it is {now!r}: a run that resumes has the settings it "
                    f"began with, so give those again (only {', '.join(may_change)} may change)"
                )
        return run


def _filled(file: RunFile, began: RunConfig) -> RunConfig:
    """The run of a file, in which the settings that are chosen where nobody gives them are those of the run that began."""
    automatic = config.keys_where(RunConfig, lambda fact: fact.automatic, file.run.names, file.parts)
    sizes = config.keys_where(RunConfig, lambda fact: fact.size, parts=file.parts)
    keys = [key for key in automatic if key not in file.keys and key not in BUDGETS]
    if file.start is not None:  # its settings of decoding may have changed
        keys += [key for key in _fields("decoding", file.run.decoding) if key not in file.keys]
    if "model.preset" not in file.keys and not file.keys.any(sizes):
        keys += [key for key in _fields("model", file.run.model) if key not in file.keys]
    if not file.keys.any(BUDGETS):
        keys += BUDGETS
    values = {key: config.value_at(began, key, file.parts) for key in keys}
    if file.run.training.precision == "auto":
        values["training.precision"] = began.training.precision
    return config.with_values(file.run, {key: item for key, item in values.items() if item is not None}, file.parts)


def _fields(table: str, value: Any) -> list[str]:
    return [f"{table}.{each.name.replace('_', '-')}" for each in fields(value)]


def newest_checkpoint(folder: RunFolder) -> Checkpoint | None:
    """The newest good checkpoint, from which a run resumes; None where none had been written yet."""
    checkpoints.recover(folder.checkpoints)
    if not checkpoints.names(folder.checkpoints):
        folder.refuse_if_checkpoints_are_gone()
        log.info("%s: no checkpoint yet; training starts at step 0", folder.path)
        return None
    return checkpoints.load_newest(folder.checkpoints)


def resume_from(folder: RunFolder, checkpoint: Checkpoint, data: str) -> None:
    """Sets newer checkpoints aside, which are damaged. ValueError unless the run began with the prepared folder `data`."""
    if checkpoint.state.data != data:
        raise ValueError(
            f"{folder.path} began with other data (prepared/{checkpoint.state.data}, now prepared/{data}): put the files back as "
            "they were, and go on with the version of transduce that it began with, or begin a new run"
        )
    checkpoints.set_aside_after(folder.checkpoints, checkpoints.name_of(checkpoint.state.step))
    log.info("resuming from step %d", checkpoint.state.step)


def restored(
    checkpoint: Checkpoint, masters: MasterWeights, optimiser: OptimiserGroup, moving: MovingAverage | None, device: str
) -> TrainState:
    """Puts weights, optimiser, moving average and random generators back to a checkpoint's; its state."""
    masters.load(checkpoint.weights)
    optimiser.load(checkpoint.optimiser)
    if moving is not None:
        assert checkpoint.average is not None  # a resumed run keeps its settings, `ema` too
        moving.load(checkpoint.average)
    checkpoints.set_random_states(checkpoint.random, device)
    return checkpoint.state


def publish_again(job: Job, state: TrainState) -> None:
    """Makes the model folder from the best checkpoint, for a run whose model folder is gone. ValueError where that
    checkpoint cannot be used.
    """
    assert state.best is not None
    best = checkpoints.load(job.checkpoints / state.best)
    weights, values = best.weights, {job.trainable.config.metric: state.scores[state.best]}
    if state.best_weights == "ema" and best.average is not None:
        weights = {**weights, **best.average}
    elif state.best_weights == "mean":  # the checkpoints that it is a mean of may be gone
        log.warning("a mean of weights cannot be made again: the model is now the weights of %s themselves", state.best)
        best.state.best_weights, values = "weights", {}
    job.publish(best.state, weights, values)
    log.info("the model folder was missing; it is made again from %s", state.best)
