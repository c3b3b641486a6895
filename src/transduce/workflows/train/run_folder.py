"""The folder of a run: runs/NAME/ with run.toml, checkpoints/, metrics.jsonl, tensorboard/, curve.png, model/ and lock."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transduce import config, files
from transduce.training import checkpoints, metrics_log
from transduce.training.loop import is_over
from transduce.workflows.train.run_file import RunConfig, from_tree

MAY_CHANGE = (
    "training.steps",
    "training.epochs",
    "training.minutes",
    "training.keep-last",
    "training.keep-best",
    "training.early-stop.patience",
)


@dataclass(frozen=True)
class RunFolder:
    """Paths inside a run's folder."""

    path: Path

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
            return is_over(from_tree(config.read(self.run_file), str(self.run_file)).training, state)
        except ValueError:
            return False

    def refuse_if_taken(self) -> None:
        """A ValueError if something has been trained here. What came to no checkpoint is nothing to lose."""
        if checkpoints.names(self.checkpoints) or self.model.exists():
            raise ValueError(
                f"{self.path} holds a run already: go on with it by --resume, or move it away, or name the run file differently"
            )

    def write(self, run: RunConfig) -> None:
        files.write_atomically(self.run_file, config.dumps(config.tree_of(run)))

    def refuse_if_checkpoints_are_gone(self) -> None:
        """A ValueError if there must have been checkpoints: one is written after each validation, and then `latest`."""
        validations = [event for event in metrics_log.read(self.metrics) if event.get("kind") == "validation"]
        if len(validations) > 1 or (self.checkpoints / "latest").exists():
            raise ValueError(
                f"{self.checkpoints} holds no checkpoint, but {self.metrics.name} tells of validations: put the "
                "checkpoints back, or move the run folder away and begin a new run"
            )

    def resumed(self, run: RunConfig) -> RunConfig:
        """`run` with the precision it began with, after a check that it is the run that began here, but for its budget."""
        if not self.run_file.exists():
            raise ValueError(f"{self.path} holds no run to go on with; leave out --resume to begin one")
        began = from_tree(config.read(self.run_file), str(self.run_file))
        if run.training.precision == "auto":
            run = replace(run, training=replace(run.training, precision=began.training.precision))
        before, now = flat(config.tree_of(began)), flat(config.tree_of(run))
        for key in sorted(before.keys() | now.keys()):
            if key not in MAY_CHANGE and before.get(key) != now.get(key):
                raise ValueError(
                    f"{self.path} began with {key} = {before.get(key)!r}, now it is {now.get(key)!r}: a run goes on with the "
                    f"settings it began with, so give those by --set again (only {', '.join(MAY_CHANGE)} may change)"
                )
        return run


def flat(tree: Any, key: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} to {"a.b": 1}; lists of tables by number."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if items is None:
        return {key: tree}
    found: dict[str, Any] = {}
    for name, value in items:
        found |= flat(value, f"{key}.{name}" if key else str(name))
    return found
