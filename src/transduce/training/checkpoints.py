"""Checkpoints: everything that a run needs to continue exactly.

checkpoints/step-00001000/  weights.safetensors    float32 master weights
                            optimiser.safetensors  the optimiser's tensors
                            random.safetensors     states of the random generators
                            average.safetensors    the moving average, if any
                            state.json             TrainState
                            manifest.json          SHA-256 of each, written last
checkpoints/latest          for people and scripts: the name of the newest one, written after its folder is safe on disk
"""

import json
import logging
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from transduce import files
from transduce.training.state import TrainState

log = logging.getLogger(__name__)

VERSION = 1
PARTS = ("weights", "optimiser", "random")
AVERAGE = "average.safetensors"
NAME = re.compile(r"step-\d{8}")
LEFTOVER = re.compile(r"\.(step-\d{8})\..*")  # beside a checkpoint after a kill during its replacement


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint."""

    weights: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    random: dict[str, Tensor]
    state: TrainState
    average: dict[str, Tensor] | None = None


def name_of(step: int) -> str:
    return f"step-{step:08d}"


def step_of(name: str) -> int:
    return int(name.removeprefix("step-"))


def random_states(device: str) -> dict[str, Tensor]:
    """The generators that training on `device` draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.startswith("cuda"):
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, Tensor], device: str) -> None:
    """A run that resumes on another kind of device draws other numbers there."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and device.startswith("cuda"):
        torch.cuda.set_rng_state(states["cuda"], device)


def save(folder: Path, checkpoint: Checkpoint) -> str:
    """Writes a checkpoint below `folder`, then its name to `latest`. Returns the name."""
    name = name_of(checkpoint.state.step)
    with files.replace_folder(folder / name) as new:
        for part in PARTS:
            files.write_tensors(new / f"{part}.safetensors", getattr(checkpoint, part))
        if checkpoint.average is not None:
            files.write_tensors(new / AVERAGE, checkpoint.average)
        (new / "state.json").write_text(json.dumps(asdict(checkpoint.state), indent=1) + "\n", encoding="utf-8")
        files.write_manifest(new, VERSION)
    files.write_atomically(folder / "latest", name + "\n")
    return name


def load(folder: Path) -> Checkpoint:
    """Reads one checkpoint. A ValueError names the file that is missing, cut short or changed."""
    entries = _verify(folder)["files"]
    state = _state(folder / "state.json")
    weights, optimiser, random = (files.read_tensors(folder / f"{part}.safetensors") for part in PARTS)
    average = files.read_tensors(folder / AVERAGE) if AVERAGE in entries else None
    return Checkpoint(weights, optimiser, random, state, average)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Only the weights of a checkpoint, after verifying all of it."""
    _verify(folder)
    return files.read_tensors(folder / "weights.safetensors")


def _verify(folder: Path) -> dict[str, Any]:
    return files.verify_manifest(folder, VERSION, required=[*(f"{part}.safetensors" for part in PARTS), "state.json"])


def _state(path: Path) -> TrainState:
    try:
        return TrainState(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: is not the state of a run of this version ({error})") from None


def names(folder: Path) -> list[str]:
    """The checkpoints below `folder`, oldest first."""
    return sorted(entry.name for entry in folder.iterdir() if NAME.fullmatch(entry.name)) if folder.is_dir() else []


def threads(folder: Path) -> int | None:
    """Threads of the run of these checkpoints, on a CPU; None where no checkpoint is readable."""
    for name in reversed(names(folder)):
        with suppress(ValueError, OSError):
            return _state(folder / name / "state.json").threads
    return None


def recover(folder: Path) -> None:
    """Restores or completes a checkpoint after a kill during its replacement."""
    if folder.is_dir():
        for name in {match[1] for entry in folder.iterdir() if (match := LEFTOVER.fullmatch(entry.name))}:
            files.recover_folder(folder / name)


def with_snapshots(folder: Path, keep: set[str]) -> set[str]:
    """The checkpoints `keep`, and the earlier ones that their next mean needs; a damaged one needs none."""
    required = set(keep)
    for name in keep:
        with suppress(ValueError, OSError):
            required.update(_state(folder / name / "state.json").snapshots)
    return required


def load_newest(folder: Path) -> Checkpoint:
    """The newest intact checkpoint, with a warning for each newer one. ValueError if there is none."""
    for name in reversed(names(folder)):
        try:
            return load(folder / name)
        except (ValueError, OSError) as error:
            log.warning("checkpoint %s cannot be used: %s", name, error)
    raise ValueError(f"{folder}: no usable checkpoint to resume from; move the run folder away and begin a new run")


def set_aside_after(folder: Path, name: str) -> None:
    """Renames the checkpoints newer than `name` to damaged-..., so that they no longer count."""
    for newer in names(folder):
        if newer > name:
            files.remove_folder(folder / f"damaged-{newer}")
            (folder / newer).rename(folder / f"damaged-{newer}")
    files.write_atomically(folder / "latest", name + "\n")


def prune(folder: Path, keep: set[str]) -> None:
    """Removes every checkpoint whose name is not in `keep`."""
    for name in names(folder):
        if name not in keep:
            files.remove_folder(folder / name)
