"""Starting a network from the weights of another, perhaps of another kind.

The stack and the embeddings are taken where the kinds have them in common: a decoder layer of an encoder-decoder has a
cross-attention and its norm, which the layers of the other kinds lack.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from transduce.networks.transformer import DecoderOnly, EncoderDecoder, EncoderOnly


@dataclass(frozen=True)
class Transfer:
    """Parameter names of the new network: those with weights of the other one, and those with fresh weights."""

    taken: tuple[str, ...]
    new: tuple[str, ...]


@torch.no_grad()
def transfer(weights: Mapping[str, Tensor], target_network: nn.Module) -> Transfer:
    """Copies the weights of a network, by parameter name, into `target_network` as far as they have a place there.

    A head is taken only if both have one of the same kind and shape. ValueError if any other tensor has another shape,
    and for names or a network of no known kind.
    """
    names = _name_map(kind_of_names(weights), _kind(target_network))
    parameters = dict(target_network.named_parameters())
    taken: dict[str, str] = {}
    new: list[str] = []
    for name, parameter in parameters.items():
        source = next((each for each in _sources(name, names) if each in weights), None)
        if source is not None and weights[source].shape == parameter.shape:
            taken[name] = source
        elif source is None or name.startswith("head."):
            new.append(name)
        else:
            raise ValueError(
                f"{name} should be {tuple(parameter.shape)}, but {source} of the network to start from is "
                f"{tuple(weights[source].shape)}: give the new network the same sizes and vocabulary"
            )
    for name, source in taken.items():
        parameters[name].copy_(weights[source])
    return Transfer(tuple(taken), tuple(new))


def kind_of_names(names: Iterable[str]) -> str:
    """The kind of network whose parameters have these names; ValueError if it is none of them."""
    parts = {name.partition(".")[0] for name in names}
    if {"encoder", "decoder", "target_embedding"} <= parts:
        return "encoder-decoder"
    for part, kind in (("decoder", "decoder-only"), ("encoder", "encoder-only")):
        if {part, "embedding"} <= parts:
            return kind
    raise ValueError(f"expected the parameter names of a network, found the parts {', '.join(sorted(parts)) or 'none'}")


def _kind(network: nn.Module) -> str:
    for cls, kind in (
        (EncoderDecoder, "encoder-decoder"),
        (DecoderOnly, "decoder-only"),
        (EncoderOnly, "encoder-only"),
    ):
        if isinstance(network, cls):
            return kind
    raise ValueError(f"weights can start an encoder-decoder, decoder-only or encoder-only, found {type(network)}")


Names = tuple[tuple[str, str], ...]  # (pattern of the new network's name, name in the other one), the first that fits

SAME: Names = ((r"(.*)", r"\1"),)
EMBEDDING: Names = ((r"embedding\.(.*)", r"source_embedding.\1"), (r"embedding\.(.*)", r"target_embedding.\1"))
HEAD: Names = ((r"(head\..*)", r"\1"),)
TO_DECODER_LAYER: Names = (
    (r"decoder\.(layers\.\d+\.(?:self_attention|feed_forward)(?:_norm)?\..*)", r"STACK.\1"),
    (r"decoder\.(norm\..*)", r"STACK.\1"),
)

# (kind of the weights, kind of the new network) -> names
MAPS: dict[tuple[str, str], Names] = {
    ("encoder-decoder", "encoder-only"): ((r"(encoder\..*)", r"\1"), *EMBEDDING, *HEAD),
    ("encoder-decoder", "decoder-only"): (
        (r"(decoder\..*)", r"\1"),
        (r"embedding\.(.*)", r"target_embedding.\1"),
        *HEAD,
    ),
    ("decoder-only", "encoder-only"): ((r"encoder\.(.*)", r"decoder.\1"), (r"(embedding\..*)", r"\1"), *HEAD),
    ("encoder-only", "decoder-only"): ((r"decoder\.(.*)", r"encoder.\1"), (r"(embedding\..*)", r"\1"), *HEAD),
    ("encoder-only", "encoder-decoder"): (
        (r"(encoder\..*)", r"\1"),
        *((pattern, name.replace("STACK", "encoder")) for pattern, name in TO_DECODER_LAYER),
        (r"(?:source|target)_embedding\.(.*)", r"embedding.\1"),
        *HEAD,
    ),
    ("decoder-only", "encoder-decoder"): (
        (r"encoder\.(.*)", r"decoder.\1"),
        *((pattern, name.replace("STACK", "decoder")) for pattern, name in TO_DECODER_LAYER),
        (r"(?:source|target)_embedding\.(.*)", r"embedding.\1"),
        *HEAD,
    ),
}


def _name_map(source: str, target: str) -> Names:
    return SAME if source == target else MAPS[source, target]


def _sources(name: str, names: Names) -> Iterable[str]:
    """Names in the other network that may stand for `name`, the best first."""
    return (match.expand(replacement) for pattern, replacement in names if (match := re.fullmatch(pattern, name)))
