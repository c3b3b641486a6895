"""Info: what a model folder holds, and what a preset would build."""

import difflib
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from transduce import config
from transduce.config import KeyDescription
from transduce.config.toml import inline
from transduce.models import folder as model_folder
from transduce.models.find import find_model, nearest_folder
from transduce.networks.config import TransformerConfig
from transduce.networks.presets import PRESETS
from transduce.networks.transformer import EncoderDecoder
from transduce.text.tags import shown
from transduce.workflows.train.run_file import RunConfig, describe_run_file

BY_SIZE = "chosen by the size of the data"
PAPER_VOCABULARY = 37_000  # pieces that both sides share (Vaswani et al. 2017, section 5.1)


@dataclass(frozen=True)
class Parameters:
    """Number of weights, each counted once: of every part, and in all."""

    parts: dict[str, int]
    total: int


@dataclass(frozen=True)
class TokenizerInfo:
    """A tokenizer's kind and number of pieces."""

    kind: str
    size: int


@dataclass(frozen=True)
class ModelInfo:
    """A model folder, every file of which matches its manifest. Fields are those of its config.toml, as text."""

    folder: Path
    task: str
    architecture: str
    network: dict[str, str]
    parameters: Parameters
    source: TokenizerInfo
    target: TokenizerInfo
    shared: bool
    tags: str  # their names, the first of very many
    generation: dict[str, str]
    files: dict[str, int]  # name -> bytes


@dataclass(frozen=True)
class PresetInfo:
    """A preset, and its weights at a vocabulary that both sides share."""

    name: str
    text: str
    network: dict[str, str]
    parameters: Parameters
    vocabulary: int


def info(name: str, vocabulary: int = PAPER_VOCABULARY) -> ModelInfo | PresetInfo:
    """About a model folder, a run folder or a preset; folders come first. ValueError if the name is none of them."""
    if Path(name).exists():
        return model_info(Path(name))
    if name in PRESETS:
        return preset_info(name, vocabulary)
    near = [str(folder) for folder in [nearest_folder(Path(name))] if folder]
    near = difflib.get_close_matches(name, PRESETS, n=1) + near
    advice = f"did you mean {near[0]}?" if near else f"presets: {', '.join(PRESETS)}"
    raise ValueError(f"{name} is neither a model folder nor a preset; {advice}")


def model_info(path: Path) -> ModelInfo:
    """Reads and checks the whole folder, so that ValueErrors say what is wrong with it."""
    folder = find_model(path)
    loaded = model_folder.load_folder(folder)
    spec, tokenizers = loaded.spec, loaded.tokenizers
    return ModelInfo(
        folder=folder,
        task=spec.task,
        architecture=spec.architecture,
        network=fields(spec.network),
        parameters=count(loaded.network),
        source=TokenizerInfo(tokenizers.source.kind, tokenizers.source.size),
        target=TokenizerInfo(tokenizers.target.kind, tokenizers.target.size),
        shared=tokenizers.shared,
        tags=shown(tokenizers.tags),
        generation=fields(spec.generation),
        files={each.name: each.stat().st_size for each in sorted(folder.iterdir()) if each.is_file()},
    )


def preset_info(name: str, vocabulary: int = PAPER_VOCABULARY) -> PresetInfo:
    """Builds the preset without allocating its weights."""
    if vocabulary < 1:
        raise ValueError(f"vocabulary must be at least 1, found {vocabulary}")
    made: TransformerConfig = PRESETS[name]()
    with torch.device("meta"):
        network = EncoderDecoder(made, vocabulary)
    text = (PRESETS[name].__doc__ or "").strip()
    return PresetInfo(name, text, fields(made), count(network), vocabulary)


def run_file_keys() -> list[KeyDescription]:
    """Every key that a run file may have."""
    automatic = (*config.keys_where(RunConfig, lambda fact: fact.automatic), "model.preset")
    return [replace(key, default=BY_SIZE) if key.key in automatic else key for key in describe_run_file()]


def fields(value: object) -> dict[str, str]:
    """Every field of a config as TOML has it: {"d-model": "512", "norm": "layer-norm"}."""
    return {key: item if isinstance(item, str) else inline(item) for key, item in config.tree_of(value).items()}


def count(network: EncoderDecoder) -> Parameters:
    """Weights of each part; tables that several parts share are one part, named after all of them."""
    tables = {
        "source embeddings": network.source_embedding.weight,
        "target embeddings": network.target_embedding.weight,
        "output": network.output.weight,
    }
    owners: dict[int, list[str]] = {}
    for owner, weight in tables.items():
        owners.setdefault(id(weight), []).append(owner)
    parts = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in network.named_children()
        if name in ("encoder", "decoder")
    }
    parts |= {" = ".join(names): tables[names[0]].numel() for names in owners.values()}
    total = sum(parameter.numel() for parameter in network.parameters())
    assert sum(parts.values()) == total, "a part of the network is not counted"
    return Parameters(parts, total)
