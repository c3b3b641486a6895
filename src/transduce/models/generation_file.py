"""generation.toml of a model folder: how the model decodes unless told otherwise. Its owner may edit or remove it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transduce import config, files
from transduce.config.editing import edited
from transduce.decoding.config import Generation

NAME = "generation.toml"


def read_generation(folder: Path) -> Generation:
    """The model's settings of decoding; the defaults where the file was removed. ValueError with line and key."""
    path = folder / NAME
    return config.build(Generation, _tree(path), str(path))


def change_generation(folder: Path, assignments: Sequence[str]) -> tuple[Generation, bool]:
    """Changes settings in the file, `["beam=8", "sampling.top-p=0.9"]`; the file has its old or its new content, whatever
    happens. Returns the settings that then hold, and whether the comments of the file are still there.

    ValueError for a key or a value that the file cannot have, as of a hand edit; nothing is written then.
    """
    path = folder / NAME
    keys = [_key(each) for each in assignments]
    before = _tree(path)
    tables = {key.partition(".")[0] for key in keys if "." in key}
    before = config.only(before, *(key for key in before if key not in tables or before[key] != "none"))
    try:
        tree = config.override(before, assignments)
        generation = config.build(Generation, tree, str(path))
    except ValueError as error:  # of an option that this command does not have
        raise ValueError(str(error).removeprefix("--set: ")) from None
    text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    new = edited(text, tree, [key for key in dict.fromkeys(keys) if key in config.given(tree)])
    files.write_atomically(path, config.dumps(tree) if new is None else new)
    return generation, new is not None or "#" not in text


def _key(assignment: str) -> str:
    key, equals, _ = assignment.partition("=")
    if not equals or not re.fullmatch(r"\s*[\w.-]+\s*", key):
        raise ValueError(f"expected KEY=VALUE, such as beam=8, found {assignment!r}")
    return key.strip()


def _tree(path: Path) -> dict[str, Any]:
    """The content of the file; {} where there is none. ValueError for anything but a file: a pipe could be endless."""
    if path.is_symlink():
        raise ValueError(f"{path}: is a symbolic link; put the file itself there")
    if not path.exists():
        return config.only({})
    if not path.is_file() and not path.is_dir():
        raise ValueError(f"{path}: is not a file; expected a TOML file, or none for the default settings")
    return config.read(path)
