"""The model folder: save, verify, load.

    config.toml        task and network: everything needed to build the network again
    model.safetensors  weights, float32, and the buffers that the network saves
    tokenizer.json     or one file per column: source.json, target.json, label.json
    generation.toml    how to decode (networks that decode); its owner may edit it, or remove it for the defaults
    README.md          model card; its owner may edit, replace or remove it
    manifest.json      format version and SHA-256 of every other file, written last

A change of any byte of the other files is refused, but for line ends: text files may have those of Windows.
Nothing in it is executable, and pickle is never read.
"""

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from transduce import config, files
from transduce.config import NO_PARTS, Parts
from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.models.generation_file import NAME as GENERATION
from transduce.models.generation_file import read_generation
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.table import NETWORKS, NetworkConfig
from transduce.networks.tensors import check_tensors, computes_tensors, set_tensors
from transduce.tasks.table import TASKS
from transduce.tasks.task import Task

log = logging.getLogger(__name__)

VERSION = 5  # raise it with every change of a file or of a parameter name
CONFIG, WEIGHTS, CARD = "config.toml", "model.safetensors", "README.md"
EDITABLE = (GENERATION, CARD)


@dataclass(frozen=True)
class ModelConfig:
    """The task and the network of a model, without weights and processors: config.toml."""

    task: Annotated[Task, "what the model was trained for", TASKS]
    network: Annotated[NetworkConfig, "the network", NETWORKS]


@dataclass(frozen=True)
class Loaded:
    """A model folder in memory."""

    config: ModelConfig
    network: nn.Module
    processors: Processors
    generation: Generation


def save(
    folder: Path,
    model: ModelConfig,
    weights: Mapping[str, Tensor],
    processors: Processors,
    generation: Generation | None,
    card: str,
    parts: Parts = NO_PARTS,
) -> None:
    """Writes a model folder, or replaces one, as a whole: a reader sees the old one or the new one.

    The card and generation.toml stay as their owner edited or removed them since they were written.

    weights: parameters and persistent buffers by name, tied ones once. parts: the caller's own, which config.toml names; a
    part that neither they nor a table name is refused.
    """
    texts = {CONFIG: config.dumps(config.tree_of(model, parts)), CARD: card}
    if generation is not None:
        texts[GENERATION] = config.dumps(config.tree_of(generation))
    with files.replace_folder(folder) as new:
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8", newline="\n")
        floats = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
        files.write_tensors(new / WEIGHTS, floats)
        processors.save(new, model.task.columns)
        files.write_manifest(new, VERSION, editable=EDITABLE)
        _take_edits(folder, new)


def _take_edits(folder: Path, new: Path) -> None:
    """Puts the files that the owner of the old folder edited in the place of the new ones, and leaves out removed ones. The
    manifest names the new ones, so that the next writer knows of the edits too.
    """
    for name in set(EDITABLE) & set(files.edited_files(folder, VERSION)):
        before = folder / name
        if before.is_symlink() or (before.exists() and not before.is_file()):
            continue
        (new / name).unlink(missing_ok=True)
        if before.exists():
            shutil.copyfile(before, new / name)
            stale = "; its figures are those of earlier weights" if name == CARD else ""
            log.info("%s stays as it was edited%s", before, stale)


def replace_weights(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Writes a model folder anew, with other values of some of its weights and buffers. The owner's edits stay."""
    with files.replace_folder(folder) as new:
        shutil.copytree(folder, new, symlinks=True, ignore=shutil.ignore_patterns(WEIGHTS), dirs_exist_ok=True)
        files.write_tensors(new / WEIGHTS, {**files.read_tensors(folder / WEIGHTS), **weights})
        files.list_again(new, VERSION, WEIGHTS)


def load_folder(
    folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32, parts: Parts = NO_PARTS
) -> Loaded:
    """Reads a model folder after checking its files against the manifest. ValueErrors say what is wrong with it.

    `parts` are the caller's own that the model was trained with: a folder holds their names, never their code.
    """
    if not folder.exists():
        files.recover_folder(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such model folder; training writes one to runs/NAME/model")
    model, processors = read_config_and_processors(folder, parts)
    network = read_network(folder, model, processors)
    generation = within_network(read_generation(folder), model.network)
    return Loaded(model, network.to(device=device, dtype=dtype).eval(), processors, generation)


def within_network(generation: Generation, network: NetworkConfig) -> Generation:
    """The generation, without longer sources than the network can read, nor longer outputs than it can write."""
    if not isinstance(network, SourceToTargetConfig):
        return generation
    most = generation.max_source if network.longest_source is None else network.longest_source
    return replace(generation.within(network.longest_target), max_source=min(generation.max_source, most))


def read_network(folder: Path, model: ModelConfig, processors: Processors) -> nn.Module:
    """The network of a folder whose files have been checked, on the CPU, in float32."""
    try:
        network = network_without_values(model, processors)
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from None
    weights = files.read_tensors(folder / WEIGHTS)
    try:
        check_tensors(network, weights)
    except ValueError as error:
        raise ValueError(f"{folder}: {WEIGHTS} does not fit {CONFIG} and its processors: {error}") from None
    if computes_tensors(network):
        with torch.random.fork_rng(devices=[]), _Uninitialised():
            network = model.task.network(model.network, processors)
    set_tensors(network, weights)
    return network


def network_without_values(model: ModelConfig, processors: Processors) -> nn.Module:
    """The network on the device "meta", where tensors have shapes alone. ValueError where the task cannot use it."""
    with torch.device("meta"), _Uninitialised():  # allocates nothing before the shapes of a file are known to fit
        return model.task.network(model.network, processors)


def read_config_and_processors(folder: Path, parts: Parts = NO_PARTS) -> tuple[ModelConfig, Processors]:
    """All but the weights, after checking every file against the manifest. Files that it does not list are not read."""
    manifest = files.verify_manifest(folder, VERSION, required=[CONFIG, WEIGHTS], editable=EDITABLE)
    model = read_config(folder, parts)
    return model, Processors.load(folder, model.task.columns, manifest["files"])


class _Uninitialised(TorchFunctionMode):
    """Inside, tensors get no initial values: the file has them, and drawing them would import for a second."""

    SKIPPED = (
        torch.Tensor.uniform_,
        torch.Tensor.normal_,
        nn.init.kaiming_uniform_,
        nn.init.uniform_,
        nn.init.normal_,
    )

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in self.SKIPPED:
            return args[0] if args else next(iter((kwargs or {}).values()))
        return func(*args, **(kwargs or {}))


def read_config(folder: Path, parts: Parts = NO_PARTS) -> ModelConfig:
    path = folder / CONFIG
    try:
        return config.build(ModelConfig, config.read(path), str(path), parts=parts)
    except config.UnknownPart as error:
        own = f'transduce.load(folder, parts={{"{error.kind}": ...}})'
        raise ValueError(f"{error}; if it is a part of your own, give it: {own}") from None
