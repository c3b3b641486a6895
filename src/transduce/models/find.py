"""From what a person calls a model (its folder, or that of the run that made it) to a model in memory."""

import difflib
from pathlib import Path

from transduce import files
from transduce.config import NO_PARTS, Parts
from transduce.models.model import Model, load

MODEL_FILES = ("config.toml", "manifest.json", "model.safetensors")
SHOWN = 8  # of several runs


def find_model(path: Path) -> Path:
    """The model folder at `path`, which may be the folder of a run. ValueError if there is neither, or no model yet.

    A model folder that lacks a file is one still: loading it says which.
    """
    files.recover_folder(path)
    is_checkpoint = (path / "state.json").exists()
    if not is_checkpoint and any((path / name).exists() for name in MODEL_FILES):
        return path
    if not (path / "run.toml").exists():
        raise ValueError(_no_model(path))
    files.recover_folder(path / "model")
    if not (path / "model").exists():
        raise ValueError(f"{path}: this run has no model yet; training writes one at its first validation")
    return path / "model"


def run_folder_of(model: Path) -> Path | None:
    """The folder of the run that `model` is, or lies in as runs/NAME/model; None for any other folder."""
    place = model.absolute()
    folders = (model, place.parent) if place.name == "model" else (model,)
    return next((folder for folder in folders if (folder / "run.toml").is_file()), None)


def open_model(path: Path, device: str | None = None, precision: str = "float32", parts: Parts = NO_PARTS) -> Model:
    """`transduce.load` for a model folder or a run folder."""
    return load(find_model(path), device, precision, parts)


def _no_model(path: Path) -> str:
    if path.exists() and not path.is_dir():
        own = "; did you mean the folder that it is in?" if (path.parent / "manifest.json").exists() else ""
        return f"{path}: is a file, expected a model folder or a run folder (runs/NAME){own}"
    if path.is_dir():
        return f"{path}: {_what_it_is(path)}"
    near = nearest_folder(path)
    advice = f"did you mean {near}?" if near else "training leaves models at runs/NAME/model"
    return f"{path}: no such model folder; {advice}"


def _what_it_is(folder: Path) -> str:
    """A folder that holds no model, and where one may be."""
    place = folder.resolve()
    if (folder / "state.json").exists():
        return f"is a checkpoint, from which training goes on; the model is in the run's folder, {place.parent.parent}"
    if place.name == "checkpoints" and (place.parent / "run.toml").exists():
        return f"holds checkpoints, from which training goes on; the model is in the run's folder, {place.parent}"
    runs = sorted(each.parent for each in folder.glob("*/run.toml"))
    if runs:
        more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
        return f"holds runs; name one of them: {', '.join(map(str, runs[:SHOWN]))}{more}"
    return "holds neither a model (config.toml) nor a run (run.toml)"


def nearest_folder(path: Path) -> Path | None:
    """A folder with a similar name beside `path`, or one of that name in runs/."""
    if path.parent == Path() and (Path("runs") / path).is_dir():
        return Path("runs") / path
    if not path.parent.is_dir():
        return None
    names = [each.name for each in path.parent.iterdir() if each.is_dir()]
    near = difflib.get_close_matches(path.name, names, n=1)
    return path.with_name(near[0]) if near else None
