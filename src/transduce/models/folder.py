"""The model folder: save, verify, load.

    config.toml        everything needed to build the network again, and how to decode with it
    model.safetensors  weights, float32
    tokenizer.json     or source.json and target.json
    README.md          model card
    manifest.json      format version and SHA-256 of every file, written last

Nothing in it is executable, and pickle is never read.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from transduce import config, files
from transduce.decoding.config import Decoding
from transduce.networks.config import TransformerConfig
from transduce.networks.transformer import EncoderDecoder
from transduce.text.pair import Tokenizers
from transduce.text.special import END, PAD, START

VERSION = 1

MOST_SOURCE = 1_000_000  # a model folder may come from anybody: what it asks for has limits


@dataclass(frozen=True)
class Generation:
    """How the model decodes unless told otherwise."""

    start: Annotated[int, "id that begins every target"] = START
    end: Annotated[int, "id that ends every source and target"] = END
    pad: Annotated[int, "id of padding"] = PAD
    beam: Annotated[int, "hypotheses kept open per sentence"] = 4
    alpha: Annotated[float, "length penalty: log-probability / length^alpha"] = 1.0
    max_length: Annotated[int, "longest output, in tokens"] = 256
    max_ratio: Annotated[float, "longest output in tokens per source token, on top of max-extra"] = 5.0
    max_extra: Annotated[int, "tokens any output may have, however short its source"] = 50
    min_length: Annotated[int, "shortest output, in tokens"] = 0
    no_repeat_ngram: Annotated[int, "no sequence of so many tokens twice in an output; 0 for no such rule"] = 0
    repetition_penalty: Annotated[float, "divides the logits of tokens that the output has already"] = 1.0
    coverage_penalty: Annotated[float, "weight of source tokens that got little attention"] = 0.0
    groups: Annotated[int, "groups that the beam is divided into"] = 1
    diversity: Annotated[float, "what a group pays for a token that an earlier group takes"] = 0.0
    max_source: Annotated[int, "longest source, in tokens; longer ones are cut, and that is said"] = 1024

    def __post_init__(self) -> None:
        if (self.start, self.end, self.pad) != (START, END, PAD):
            raise ValueError(
                f"start, end and pad must be {START}, {END} and {PAD}, found {self.start}, {self.end} and {self.pad}"
            )
        if not 2 <= self.max_source <= MOST_SOURCE:
            raise ValueError(f"max-source must be 2 to {MOST_SOURCE:,}, found {self.max_source}")
        self.decoding()  # which checks the others

    def decoding(self) -> Decoding:
        """The same settings as those of a search."""
        return Decoding(**{name: getattr(self, name) for name in KEPT})

    @classmethod
    def of(cls, decoding: Decoding, max_source: int) -> "Generation":
        """What a model keeps of the settings that it was trained with."""
        return cls(**{name: getattr(decoding, name) for name in KEPT}, max_source=max_source)


# settings of a model; the others, such as n-best, belong to a use of it
KEPT = [field.name for field in fields(Decoding) if field.name in {each.name for each in fields(Generation)}]


@dataclass(frozen=True)
class ModelSpec:
    """What a model is, apart from its weights and its tokenizers."""

    network: Annotated[TransformerConfig, "the architecture"]
    target_vocabulary: Annotated[int, "size of the target side's vocabulary"]
    source_vocabulary: Annotated[int | None, "size of the source side's; left out where both sides share one"] = None
    architecture: Annotated[Literal["encoder-decoder"], "kind of network"] = "encoder-decoder"
    task: Annotated[Literal["translation"], "what it was trained for"] = "translation"
    generation: Annotated[Generation, "how it decodes"] = Generation()


@dataclass(frozen=True)
class Loaded:
    """A model folder in memory."""

    spec: ModelSpec
    network: EncoderDecoder
    tokenizers: Tokenizers


BUILDERS: dict[str, Callable[[ModelSpec], EncoderDecoder]] = {
    "encoder-decoder": lambda spec: EncoderDecoder(spec.network, spec.target_vocabulary, spec.source_vocabulary),
}


def build(spec: ModelSpec) -> EncoderDecoder:
    """The network of `spec` with fresh weights."""
    return BUILDERS[spec.architecture](spec)


def save(folder: Path, spec: ModelSpec, weights: dict[str, Tensor], tokenizers: Tokenizers, card: str) -> None:
    """Writes a model folder, or replaces one, as a whole: a reader sees the old one or the new one.

    `weights` by parameter name, tied ones once. A part that no table names is refused by name.
    """
    text = config.dumps(config.tree_of(spec))
    with files.replace_folder(folder) as new:
        (new / "config.toml").write_text(text, encoding="utf-8")
        files.write_tensors(new / "model.safetensors", {name: held.float() for name, held in weights.items()})
        tokenizers.save(new)
        (new / "README.md").write_text(card, encoding="utf-8")
        files.write_manifest(new, VERSION)


def load_folder(folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Loaded:
    """Reads a model folder after checking every file of it against the manifest. ValueErrors say what is wrong with it."""
    _recover_if_cut_off(folder)
    manifest = files.verify_manifest(folder, VERSION, required=["config.toml", "model.safetensors"])
    spec = read_spec(folder)
    tokenizers = Tokenizers.load(folder, manifest["files"])
    _check_sizes(folder, spec, tokenizers)
    with torch.device("meta"), _Unfilled():  # nothing is allocated before the file's shapes are known to fit
        network = build(spec)
    _give_weights(network, files.read_tensors(folder / "model.safetensors"), folder)
    return Loaded(spec, network.to(device=device, dtype=dtype).eval(), tokenizers)


class _Unfilled(TorchFunctionMode):
    """Inside, tensors get no first values: the file has theirs, and torch would import for a second to draw them."""

    LEFT_OUT = (
        torch.Tensor.uniform_,
        torch.Tensor.normal_,
        nn.init.kaiming_uniform_,
        nn.init.uniform_,
        nn.init.normal_,
    )

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in self.LEFT_OUT:
            return args[0] if args else next(iter((kwargs or {}).values()))
        return func(*args, **(kwargs or {}))


def read_spec(folder: Path) -> ModelSpec:
    path = folder / "config.toml"
    return config.build(ModelSpec, config.read(path), str(path))


def _recover_if_cut_off(folder: Path) -> None:
    if not folder.exists():
        files.recover_folder(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such model folder; training leaves one at runs/NAME/model")


def _check_sizes(folder: Path, spec: ModelSpec, tokenizers: Tokenizers) -> None:
    source = spec.target_vocabulary if spec.source_vocabulary is None else spec.source_vocabulary
    for side, size, tokenizer in (
        ("source", source, tokenizers.source),
        ("target", spec.target_vocabulary, tokenizers.target),
    ):
        if tokenizer.size != size:
            raise ValueError(
                f"{folder}: config.toml says {size} {side} pieces, the tokenizer has {tokenizer.size}; "
                "the files are not of one model"
            )


def _give_weights(network: EncoderDecoder, weights: dict[str, Tensor], folder: Path) -> None:
    """Puts the file's tensors in place of the network's empty ones."""
    parameters = dict(network.named_parameters())
    if missing := sorted(parameters.keys() - weights.keys()):
        raise ValueError(f"{folder}: model.safetensors lacks {missing[0]!r} and {len(missing) - 1} more")
    if extra := sorted(weights.keys() - parameters.keys()):
        raise ValueError(f"{folder}: model.safetensors holds {extra[0]!r}, which config.toml has no place for")
    for name, parameter in parameters.items():
        found = weights[name]
        if found.shape != parameter.shape or found.dtype != torch.float32:
            raise ValueError(
                f"{folder}: {name} should be {tuple(parameter.shape)} float32, found {tuple(found.shape)} {found.dtype}"
            )
        owner, _, last = name.rpartition(".")
        setattr(network.get_submodule(owner), last, nn.Parameter(found))
    network.tie_weights()
