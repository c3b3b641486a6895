"""Set: how a model decodes unless told otherwise, read from its folder and changed there."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transduce import config
from transduce.config import NO_PARTS, Parts
from transduce.config.fields import fields_of
from transduce.config.toml import inline
from transduce.decoding.config import OF_SOURCES, Generation
from transduce.models.find import find_model
from transduce.models.folder import ModelConfig, read_config, within_network
from transduce.models.generation_file import NAME, change_generation, read_generation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setting:
    """One key of generation.toml; values are as TOML has them. value: "" of a key of a table that is not there.

    accepts: type and range, "a whole number, 1 to 1,000".
    """

    key: str
    value: str
    default: str
    accepts: str
    text: str


def settings(path: Path, parts: Parts = NO_PARTS) -> list[Setting]:
    """The settings of decoding of a model folder or run folder, without those that its task has no use for.

    ValueError for a model that generates no text.
    """
    folder, model = _generator(path, parts)
    unused = (*OF_SOURCES, "max-source") if model.task.answer is None else ()
    return [each for each in _settings(read_generation(folder)) if each.key not in unused]


def change_settings(path: Path, assignments: Sequence[str], parts: Parts = NO_PARTS) -> list[Setting]:
    """Writes settings into generation.toml, `["beam=8", "alpha=0.8"]`; all settings that then hold.

    A log message names a limit of the network that is lower than a setting. ValueErrors as of `settings`, and for a key or
    a value that the file cannot have.
    """
    folder, model = _generator(path, parts)
    generation, keeps_comments = change_generation(folder, assignments)
    if not keeps_comments:
        log.warning("%s: its comments are gone, as the file had to be written anew", folder / NAME)
    values, limited = (config.values_of(each) for each in (generation, within_network(generation, model.network)))
    for key, value, limit in config.differences(values, limited):
        log.info("%s = %s is more than the network can do: %s holds", key, value, limit)
    return _settings(generation)


def _generator(path: Path, parts: Parts) -> tuple[Path, ModelConfig]:
    """The folder and the configuration of a model that generates text."""
    folder = find_model(path)
    model = read_config(folder, parts)
    if not model.task.generates:
        raise ValueError(
            f"{folder} is a model for {model.task.name}, which generates no text: it has no settings of decoding"
        )
    return folder, model


def _settings(generation: Generation) -> list[Setting]:
    values = {key: inline(value) for key, value in config.values_of(generation).items() if value is not None}
    return [
        Setting(
            key=each.key,
            value=values.get(each.key, "" if "." in each.key else "none"),
            default=each.default,
            accepts=", ".join(filter(None, (each.type, _range(each.key)))),
            text=each.text,
        )
        for each in config.describe(Generation)
        if each.key not in {key.partition(".")[0] for key in values if "." in key}
    ]


def _range(key: str) -> str:
    """The range of a number by its dotted key; "" where there is none."""
    cls: Any = Generation
    *tables, last = key.split(".")
    for name in tables:
        cls = fields_of(cls)[name][1].type
    return config.fact_of(cls, last).range
