"""Checkpoints: everything a run needs to go on as if it had never stopped.

checkpoints/step-00001000/  weights.safetensors    float32 master weights
                            optimiser.safetensors  the optimiser's tensors
                            random.safetensors     states of the random generators
                            average.safetensors    the moving average, where the run keeps one
                            state.json             TrainState
                            manifest.json          SHA-256 of each, written last
checkpoints/latest          for people and scripts: the name of the newest one, moved only after its folder is safe on disk
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
CUT_OFF = re.compile(r"\.(step-\d{8})\..*")  # what replacing a checkpoint leaves beside it when it is killed


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds, in memory."""

    weights: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    random: dict[str, Tensor]
    state: TrainState
    average: dict[str, Tensor] | None = None


def name_of(step: int) -> str:
    return f"step-{step:08d}"


def step_of(name: str) -> int:
    return int(name.removeprefix("step-"))


def random_states() -> dict[str, Tensor]:
    """The generators that training draws from."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def save(folder: Path, checkpoint: Checkpoint) -> str:
    """Writes a checkpoint below `folder`, then moves `latest` to it. Returns its name."""
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
    listed = _verified(folder)["files"]
    state = _state(folder / "state.json")
    weights, optimiser, random = (files.read_tensors(folder / f"{part}.safetensors") for part in PARTS)
    average = files.read_tensors(folder / AVERAGE) if AVERAGE in listed else None
    return Checkpoint(weights, optimiser, random, state, average)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Only the weights of a checkpoint, which must be whole all the same."""
    _verified(folder)
    return files.read_tensors(folder / "weights.safetensors")


def _verified(folder: Path) -> dict[str, Any]:
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
    """How many threads the run of these checkpoints computes with on a CPU; None where no checkpoint can be read."""
    for name in reversed(names(folder)):
        with suppress(ValueError, OSError):
            return _state(folder / name / "state.json").threads
    return None


def recover(folder: Path) -> None:
    """Puts back, or finishes, a checkpoint whose replacement was cut off by a kill."""
    if folder.is_dir():
        for name in {found[1] for entry in folder.iterdir() if (found := CUT_OFF.fullmatch(entry.name))}:
            files.recover_folder(folder / name)


def needed_by(folder: Path, kept: set[str]) -> set[str]:
    """The kept checkpoints, and the earlier ones whose mean those would go on to take; a damaged one takes none."""
    needed = set(kept)
    for name in kept:
        with suppress(ValueError, OSError):
            needed.update(_state(folder / name / "state.json").snapshots)
    return needed


def load_newest(folder: Path) -> Checkpoint:
    """The newest checkpoint that is whole, with a warning for each newer one that is not. ValueError if none is."""
    for name in reversed(names(folder)):
        try:
            return load(folder / name)
        except (ValueError, OSError) as error:
            log.warning("checkpoint %s cannot be used: %s", name, error)
    raise ValueError(f"{folder}: no usable checkpoint to resume from; move the run folder away and begin a new run")


def set_aside_after(folder: Path, name: str) -> None:
    """Renames the checkpoints newer than `name` to damaged-..., so that they count no more but are not lost."""
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
