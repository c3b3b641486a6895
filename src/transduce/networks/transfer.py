"""Starting a network from the weights of another, perhaps of another kind.

The stack and the embeddings are taken where the kinds have them in common: a decoder layer of an encoder-decoder has a
cross-attention and its norm, which the layers of the other kinds lack. Of an encoder-decoder, a decoder-only network takes
the target side (decoder, target embeddings), an encoder-only network the source side.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from transduce.networks.heads import CALIBRATED
from transduce.networks.table import NetworkConfig, kind_of
from transduce.networks.tensors import tensors_of

Side = Literal["source", "target"]
SIDES: dict[str, Side] = {"encoder": "source", "decoder": "target"}  # stack -> the side that it reads or writes


def sides(start: NetworkConfig, network: NetworkConfig) -> tuple[Side, Side]:
    """The sides of `start` that give the source side and the target side of `network`.

    >>> sides(EncoderDecoderConfig(), DecoderOnlyConfig())  # which has one vocabulary, the target's
    ('target', 'target')
    """
    if len(start.stacks) < 2 or not network.stacks:
        return "source", "source"
    stacks = list(network.stacks)
    return SIDES[stacks[0]], SIDES[stacks[-1]]


def start_stack(start: NetworkConfig, stack: str) -> str:
    """The stack of `start` that gives a stack of another network: the same one, or the only one."""
    return stack if stack in start.stacks else next(iter(start.stacks))


@dataclass(frozen=True)
class Transfer:
    """Names of the tensors of the new network: those with the values of the other one, and those with fresh values."""

    matches: tuple[str, ...]
    new: tuple[str, ...]


@torch.no_grad()
def transfer(
    start_network: nn.Module,
    start: NetworkConfig,
    network: nn.Module,
    config: NetworkConfig,
    new_head: bool = False,
) -> Transfer:
    """Copies the tensors of a network with the config `start`, by name, into `network` as far as they have a place there.

    The temperatures of heads stay as they are: that of new weights is fitted after training.

    A head is taken only if both have one of the same kind and shape, never with `new_head`. ValueError if any other tensor
    has another shape, and where no tensor has a place.
    """
    names = _name_map(start, config)
    temperatures = {f"{name}.temperature" for name, module in network.named_modules() if isinstance(module, CALIBRATED)}
    tensors = {name: tensor for name, tensor in tensors_of(network).items() if name not in temperatures}
    weights = {
        name: tensor
        for name, tensor in tensors_of(start_network).items()
        if not (new_head and name.startswith("head."))
    }
    sources: dict[str, str] = {}
    new: list[str] = []
    for name, tensor in tensors.items():
        source = next((each for each in renamings(name, names) if each in weights), None)
        if source is not None and weights[source].shape == tensor.shape:
            sources[name] = source
        elif source is None or name.startswith("head."):
            new.append(name)
        else:
            raise ValueError(
                f"{name} should be {tuple(tensor.shape)}, but {source} of the network to start from is "
                f"{tuple(weights[source].shape)}: give the new network the same sizes and vocabulary"
            )
    if not sources:
        raise ValueError(
            f"no weight of the {kind_of(start)} network to start from has a place in the new {kind_of(config)} network: "
            "leave out start-from"
        )
    for name, source in sources.items():
        tensors[name].copy_(weights[source])
    return Transfer(tuple(sources), tuple(new))


Names = tuple[tuple[str, str], ...]  # (pattern of the new network's name, name in the other one), the first that fits

SAME: Names = ((r"(.*)", r"\1"),)
HEAD: Names = ((r"(head\..*)", r"\1"),)


def _name_map(start: NetworkConfig, network: NetworkConfig) -> Names:
    if not start.stacks or not network.stacks:  # no layers in common with other kinds
        return SAME if kind_of(start) == kind_of(network) else ()
    if start.stacks == network.stacks:
        return SAME
    if len(network.stacks) == 2:
        (stack,) = start.stacks
        return (
            (r"encoder\.(.*)", rf"{stack}.\1"),
            (r"decoder\.(layers\.\d+\.(?:self_attention|feed_forward)(?:_norm)?\..*)", rf"{stack}.\1"),
            (r"decoder\.(norm\..*)", rf"{stack}.\1"),
            (r"(?:source|target)_embedding\.(.*)", r"embedding.\1"),
            *HEAD,
        )
    (stack,) = network.stacks
    layers = (rf"{stack}\.(.*)", rf"{start_stack(start, stack)}.\1")
    if len(start.stacks) == 1:
        return (layers, (r"(embedding\..*)", r"\1"), *HEAD)
    side = sides(start, network)[0]
    # a vocabulary that both sides share has the target's name; the head is over the target's
    embeddings = ((r"embedding\.(.*)", rf"{each}_embedding.\1") for each in (side, "target"))
    return (layers, *embeddings, *(HEAD if side == "target" else ()))


def renamings(name: str, names: Names) -> Iterable[str]:
    """Names in the other network that `name` may have, the best first."""
    return (match.expand(replacement) for pattern, replacement in names if (match := re.fullmatch(pattern, name)))
