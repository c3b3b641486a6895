"""What an encoder-decoder looks at: the attention weights of one forward pass, for people to look at.

The layers compute their outputs as always, by whichever backend is fastest. Hooks see what goes into each attention,
and the weights are computed from that a second time.

Letters: B sentences, S source tokens, T target tokens, H heads, N encoder layers, M decoder layers.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.networks.transformer import DecoderLayer, EncoderDecoder, EncoderLayer


@dataclass(frozen=True)
class AttentionMaps:
    """Weights by layer, sentence, head, query and key: each row that is no padding sums to 1 over the keys.

    Keys that are padding, and in the decoder those that come later, have weight 0. Rows of padding mean nothing.
    """

    encoder: Float[Tensor, "N B H S S"]  # the source over itself
    decoder: Float[Tensor, "M B H T T"]  # the target over itself
    source: Float[Tensor, "M B H T S"]  # the target over the source


@torch.no_grad()
def attention_maps(
    network: EncoderDecoder, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], target: Int[Tensor, "B T"]
) -> AttentionMaps:
    """All weights of `network.hidden(source, lengths, target)`, as the network is: evaluation mode has no dropout."""
    encoder = [layer.attention for layer in network.encoder.layers if isinstance(layer, EncoderLayer)]
    decoder = [layer.self_attention for layer in network.decoder.layers if isinstance(layer, DecoderLayer)]
    over_source = _over_source(network)
    with ExitStack() as stack:
        kinds = [stack.enter_context(_weights_of(modules)) for modules in (encoder, decoder, over_source)]
        network.hidden(source, lengths, target)
    return AttentionMaps(*(torch.stack(kind) for kind in kinds))


@torch.no_grad()
def source_attention(
    network: EncoderDecoder,
    source: Int[Tensor, "B S"],
    lengths: Int[Tensor, " B"],
    target: Int[Tensor, "B T"],
    layers: Sequence[int],
) -> Float[Tensor, "B T S"]:
    """Only the target's weights over the source, as a mean over the heads of the decoder `layers`, counted from 0."""
    attentions = _over_source(network)
    with _weights_of([attentions[layer] for layer in layers], lambda weights: weights.mean(1)) as means:
        network.hidden(source, lengths, target)
    return torch.stack(means).mean(0)


def _over_source(network: EncoderDecoder) -> list[nn.Module]:
    return [layer.memory_attention for layer in network.decoder.layers if isinstance(layer, DecoderLayer)]


@contextmanager
def _weights_of(
    modules: Iterable[nn.Module], reduce: Callable[[Tensor], Tensor] = lambda weights: weights
) -> Iterator[list[Tensor]]:
    """Within the block the list grows by the weights of each call of the modules, reduced, in the order of the calls."""
    weights: list[Tensor] = []

    def keep(module: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        weights.append(reduce(module.weights(*inputs, **named)))

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_pre_hook(keep, with_kwargs=True).remove)
        yield weights
