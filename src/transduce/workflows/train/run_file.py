"""A run file: strict TOML to one frozen RunConfig."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from transduce import config
from transduce.data.config import DataConfig
from transduce.decoding.config import Decoding
from transduce.networks.config import TransformerConfig
from transduce.networks.presets import PRESETS
from transduce.tasks.translation import TRANSLATION
from transduce.text.config import TokenizerConfig
from transduce.training.config import TrainingConfig
from transduce.workflows.train.fine_tuning import with_settings_of_start

DEFAULT_PRESET = "transformer-small"
NAMES = {"columns": tuple(TRANSLATION.columns)}  # the keys of tables that take a column of the task


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run does."""

    data: Annotated[DataConfig, "where the pairs are"]
    task: Annotated[Literal["translation"], "what to learn"] = "translation"
    seed: Annotated[int, "of initialisation, order and dropout"] = 1
    start_from: Annotated[
        Path | None, "a model folder or run folder whose network, tokenizers and weights the run begins with"
    ] = None
    tokenizer: Annotated[TokenizerConfig, "how text becomes ids"] = TokenizerConfig()
    model: Annotated[TransformerConfig, "the network: a preset, and any field of it"] = PRESETS[DEFAULT_PRESET]()
    training: Annotated[TrainingConfig, "how it is trained"] = TrainingConfig()
    decoding: Annotated[Decoding, "how it decodes"] = Decoding()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be a whole number of at least 0, found {self.seed}")
        # a layer that is left out is left out of both passes
        differing = (self.model.dropout, self.model.attention_dropout, self.model.activation_dropout)
        if self.training.r_drop and not any(differing):
            raise ValueError(
                "training.r-drop compares passes with different dropout: give model.dropout, or leave it out"
            )
        if self.decoding.n_best != 1 or self.decoding.sampling is not None:
            raise ValueError(
                "decoding.n-best and decoding.sampling belong to a translation, not to a run; leave them out"
            )


def load_run(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a run file. In [model], `preset` names the architecture that the table's other keys change."""
    tree = with_settings_of_start(config.override(config.read(path), overrides), path)
    return from_tree(tree, str(path))


def from_tree(tree: dict[str, object], where: str) -> RunConfig:
    """The same from TOML's values in memory; `where` stands in messages."""
    rest = config.override(tree, ())  # a copy that knows what came from the command line
    model = rest.pop("model", {})
    if not isinstance(model, dict):
        return config.build(RunConfig, tree, where, names=NAMES)
    base = preset(model.pop("preset", DEFAULT_PRESET), config.origin(where, model, "preset"))
    run = config.build(RunConfig, rest, where, names=NAMES)
    network = config.build(TransformerConfig, model, where, base=base, key="model", also=("preset",))
    try:
        return replace(run, model=network)
    except ValueError as error:  # what of the network does not go with the rest
        raise ValueError(f"{where}: {error}") from None


def preset(name: object, where: str) -> TransformerConfig:
    """A preset by name; a ValueError offers the nearest."""
    if isinstance(name, str) and name in PRESETS:
        return PRESETS[name]()
    raise ValueError(f"{where}: model.preset must be one of {', '.join(PRESETS)}, found {name!r}")
