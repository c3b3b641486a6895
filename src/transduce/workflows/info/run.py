"""Info: what a model folder holds, and what a preset would build."""

import difflib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from transduce import config
from transduce.config import KeyDescription
from transduce.config.toml import inline
from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.models.find import find_model, nearest_folder
from transduce.models.folder import load_folder
from transduce.networks.picture_config import PictureNetworkConfig
from transduce.networks.picture_presets import PICTURES
from transduce.networks.series import SeriesNetworkConfig
from transduce.networks.stepping import decodes
from transduce.networks.table import NETWORKS, PRESETS_BY_KIND, NetworkConfig
from transduce.tasks.table import TASKS
from transduce.text.tags import name_list
from transduce.text.tokenizer import Tokenizer
from transduce.workflows.train.run_file import RunConfig, describe_run_file, names_of

BY_SIZE = "chosen by data and budget"
PAPER_VOCABULARY = 37_000  # pieces that both sides share (Vaswani et al. 2017, section 5.1)


@dataclass(frozen=True)
class Parameters:
    """Number of weights, each counted once: of every part, and in all."""

    parts: dict[str, int]
    total: int

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Name and number of each part, and of all together."""
        return [(name, f"{count:,}") for name, count in (*self.parts.items(), ("in all", self.total))]


@dataclass(frozen=True)
class ModelInfo:
    """A model folder, every file of which matches its manifest. Fields are those of its config.toml, as text."""

    folder: Path
    task: str
    architecture: str
    network: dict[str, str]
    parameters: Parameters
    processors: dict[str, str]  # columns that share one -> its kind and size: {"source, target": "bpe, 4,000 pieces"}
    tags: str  # their names, the first of very many
    generation: dict[str, str]  # empty for a network that does not decode
    files: dict[str, int]  # name -> bytes

    @property
    def own_generation(self) -> dict[str, str]:
        """The settings of decoding that are not the defaults."""
        defaults = fields(Generation())
        return {key: value for key, value in self.generation.items() if value != defaults.get(key)}


@dataclass(frozen=True)
class PresetInfo:
    """A preset of one kind of network, and its weights for inputs and outputs of some size.

    sizes: {"vocabulary": "37,000 pieces"}, which both sides of an encoder-decoder share, or of pictures their pixels and classes.
    """

    name: str
    kind: str
    text: str
    network: dict[str, str]
    parameters: Parameters
    sizes: dict[str, str]


def info(name: str, vocabulary: int = PAPER_VOCABULARY) -> ModelInfo | tuple[PresetInfo, ...]:
    """About a model folder, a run folder, or a preset in each kind of network; folders come first. ValueError if the name
    is none of them.
    """
    if Path(name).exists():
        return model_info(Path(name))
    presets = list(dict.fromkeys(preset for each in PRESETS_BY_KIND.values() for preset in each))
    if name in presets:
        return preset_info(name, vocabulary)
    near = [str(folder) for folder in [nearest_folder(Path(name))] if folder]
    near = difflib.get_close_matches(name, presets, n=1) + near
    advice = f"did you mean {near[0]}?" if near else f"presets: {', '.join(presets)}"
    raise ValueError(f"{name} is neither a model folder nor a preset; {advice}")


def model_info(path: Path) -> ModelInfo:
    """Reads and checks the whole folder, so that ValueErrors say what is wrong with it."""
    folder = find_model(path)
    loaded = load_folder(folder)
    own = loaded.config
    tokenizers = [each for each in loaded.processors.values() if isinstance(each, Tokenizer)]
    return ModelInfo(
        folder=folder,
        task=own.task.name,
        architecture=config.name_of("network", NETWORKS, own.network),
        network=fields(own.network),
        parameters=count(loaded.network),
        processors=dict(_processors(loaded.processors)),
        tags=name_list(tokenizers[0].tags) if tokenizers else "",
        generation=fields(loaded.generation) if decodes(loaded.network) else {},
        files={each.name: each.stat().st_size for each in sorted(folder.iterdir()) if each.is_file()},
    )


def _processors(processors: Processors) -> Iterator[tuple[str, str]]:
    columns: dict[int, list[str]] = {}
    for name, processor in processors.items():
        columns.setdefault(id(processor), []).append(name)
    for names in columns.values():
        yield ", ".join(names), processors.description(names[0])


def preset_info(name: str, vocabulary: int = PAPER_VOCABULARY) -> tuple[PresetInfo, ...]:
    """Builds the preset of each kind of network without allocating its weights."""
    if vocabulary < 1:
        raise ValueError(f"vocabulary must be at least 1, found {vocabulary}")
    descriptions = []
    for kind, presets in PRESETS_BY_KIND.items():
        if name not in presets:
            continue
        network_config = presets[name]()
        with torch.device("meta"):
            network, sizes = _example(name, network_config, vocabulary)
        text = inspect.getdoc(getattr(presets[name], "func", presets[name])) or ""
        descriptions.append(PresetInfo(name, kind, text, fields(network_config), count(network), sizes))
    return tuple(descriptions)


def _example(preset: str, network: NetworkConfig, vocabulary: int) -> tuple[nn.Module, dict[str, str]]:
    """A network of the config, and the sizes that it is built for: a vocabulary, pictures, or a series of one number."""
    if isinstance(network, PictureNetworkConfig):
        classes, channels, size = PICTURES[preset]
        sizes = {"classes": f"{classes:,}", "pixels": f"{size} x {size}", "channels": str(channels)}
        return network.build(classes, channels, size), sizes
    if isinstance(network, SeriesNetworkConfig):
        return network.build(1, 1, 1), {"features": "1", "history": "1 step", "horizon": "1 step"}
    return network.build(vocabulary), {"vocabulary": f"{vocabulary:,} pieces"}


def run_file_keys() -> list[KeyDescription]:
    """Every key that a run file may have."""
    names = names_of(*(task() for task in TASKS.values()))
    automatic = (*config.keys_where(RunConfig, lambda fact: fact.automatic, names), "model.preset")
    return [replace(key, default=BY_SIZE) if key.key in automatic else key for key in describe_run_file()]


def fields(value: object) -> dict[str, str]:
    """Every field of a config as TOML has it: {"d-model": "512", "activation": "relu"}."""
    return {key: item if isinstance(item, str) else inline(item) for key, item in config.tree_of(value).items()}


PARTS = {  # in the order in which they are shown, after parts of other names
    "encoder": "encoder",
    "decoder": "decoder",
    "source_embedding": "source embeddings",
    "target_embedding": "target embeddings",
    "embedding": "embeddings",
    "head": "output",
}


def count(network: nn.Module) -> Parameters:
    """Weights of each part; a table that several parts share is one part, named after all of them."""
    owners: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        owners.setdefault(id(parameter), []).append(name.partition(".")[0])
        sizes[id(parameter)] = parameter.numel()
    parts: dict[str, int] = {}
    others = dict.fromkeys(name for each in owners.values() for name in each if name not in PARTS)
    order = [*others, *PARTS]
    for key, names in sorted(owners.items(), key=lambda owner: min(map(order.index, owner[1]))):
        joint = " = ".join(PARTS.get(name, name) for name in sorted(names, key=order.index))
        parts[joint] = parts.get(joint, 0) + sizes[key]
    return Parameters(parts, sum(sizes.values()))
