"""Looking into a network: its attention weights, and the dependence of its output on its input.

Attention weights are those of one forward pass. The layers compute their outputs with the fastest kernel, as always; hooks
see the inputs of each attention and compute its weights a second time.

Letters: B rows, S source tokens, T target tokens, H heads, N layers of the encoder, M layers of the decoder, D width. Of
pictures: C channels, h height, w width.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.multihead import MultiHeadAttention
from transduce.decoding.protocol import require_evaluation_mode
from transduce.networks.transformer import DecoderOnly, EncoderDecoder, EncoderOnly, Stack
from transduce.networks.vit import ViT


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
    """All weights of `network(source, lengths, target)`, in the network's mode: evaluation mode has no dropout."""
    modules = (
        _attentions(network.encoder, "self_attention"),
        _attentions(network.decoder, "self_attention"),
        _attentions(network.decoder, "cross_attention"),
    )
    with ExitStack() as stack:
        maps = [stack.enter_context(_weights_of(each)) for each in modules]
        network(source, lengths, target)
    return AttentionMaps(*(torch.stack(each) for each in maps))


@torch.no_grad()
def self_attention_maps(
    network: EncoderOnly | DecoderOnly, tokens: Int[Tensor, "B T"], lengths_or_documents: Tensor | None = None
) -> Float[Tensor, "N B H T T"]:
    """All weights of `network(tokens, lengths_or_documents)`, as in AttentionMaps."""
    stack = network.encoder if isinstance(network, EncoderOnly) else network.decoder
    with _weights_of(_attentions(stack, "self_attention")) as weights:
        network(tokens, lengths_or_documents)
    return torch.stack(weights)


@torch.no_grad()
def source_attention(
    network: EncoderDecoder,
    source: Int[Tensor, "B S"],
    lengths: Int[Tensor, " B"],
    target: Int[Tensor, "B T"],
    layers: Sequence[int],
) -> Float[Tensor, "B T S"]:
    """Only the target's weights over the source, as a mean over the heads of the decoder `layers`, counted from 0."""
    attentions = _attentions(network.decoder, "cross_attention")
    with _weights_of([attentions[layer] for layer in layers], lambda weights: weights.mean(1)) as means:
        network(source, lengths, target)
    return torch.stack(means).mean(0)


def source_saliency(
    network: EncoderDecoder,
    source: Int[Tensor, "1 S"],
    target: Int[Tensor, "1 T"],
    following: Int[Tensor, "1 T"],
) -> Float[Tensor, "T S"]:
    """Gradient x input of log p(following[t] | source, target[:t + 1]) for each source token's embedding.

    The gradient with respect to an input is a saliency of Simonyan et al. 2013 (1312.6034), used for texts by Li et al.
    2016 (1506.01066). Here it is multiplied, dimension by dimension, with the token's embedding, without its position
    (Denil et al. 2014, 1412.6815), and the L2 norm of the D products is taken: how much the log-probability, to first
    order, hangs on that token. Row t is in nats, never negative. ValueError for a network in training mode.
    """
    require_evaluation_mode(network)
    leaves: list[Tensor] = []

    def detach(module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Makes the encoder's input a leaf of its own, though both sides may share one embedding table."""
        leaves.append(inputs[0].detach().requires_grad_())
        return leaves[0], *inputs[1:]

    hook = network.encoder.register_forward_pre_hook(detach)
    with torch.enable_grad():
        try:
            hidden = network(source, torch.tensor([source.shape[1]], device=source.device), target)
        finally:
            hook.remove()
        logits = network.head.logits(hidden)[0].float()
        log_probs = logits.log_softmax(-1).gather(1, following[0][:, None])[:, 0]  # (T,)
        gradients = [torch.autograd.grad(each, leaves, retain_graph=True)[0][0] for each in log_probs]  # T times (S, D)
    embeddings = network.source_embedding.scaled(source)[0].detach()  # (S, D)
    return torch.stack([(gradient * embeddings).float().norm(dim=-1) for gradient in gradients])


@torch.no_grad()
def picture_attention_maps(network: ViT, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "N B H T T"]:
    """All weights of `network(pixels)`: each row sums to 1."""
    with _weights_of(_attentions(network.encoder, "self_attention")) as weights:
        network(pixels)
    return torch.stack(weights)


def attention_rollout(maps: Float[Tensor, "N B H T T"]) -> Float[Tensor, "B T T"]:
    """The share of each input token in each last state (Abnar and Zuidema 2020, 2005.00928).

    The product over the layers of (mean over the heads + identity) / 2: half of a state comes through the residual. Each row
    sums to 1.
    """
    same = torch.eye(maps.shape[-1], dtype=maps.dtype, device=maps.device)
    shares = same.expand(maps.shape[1], -1, -1)
    for weights in maps:
        shares = (weights.mean(1) + same) / 2 @ shares
    return shares


def attention_over_patches(network: ViT, attention: Float[Tensor, "B T T"]) -> Float[Tensor, "B rows columns"]:
    """Weights of the patches, at their places in the picture, in the state that the head reads.

    attention: `maps[-1].mean(1)`, the last layer's weights, or `attention_rollout(maps)`.
    """
    weights = network.pool(attention)[:, network.pool.tokens :]  # (B, T) -> (B, P)
    at_places: Tensor = weights.unflatten(1, (math.isqrt(weights.shape[1]), -1))
    return at_places


def picture_saliency(
    network: nn.Module, pixels: Float[Tensor, "B C h w"], classes: Int[Tensor, " B"] | None = None
) -> Float[Tensor, "B h w"]:
    """Gradient x input of one logit of each picture, summed over the channels (Shrikumar et al. 2016, 1605.01713).

    To first order, a pixel of value 0 instead lowers the logit by this amount; it may be negative. `network` turns pixels into
    logits (B, classes). `classes`: by default the most probable one of each picture. ValueError in training mode.
    """
    require_evaluation_mode(network)
    leaf = pixels.detach().requires_grad_()
    with torch.enable_grad():
        logits = network(leaf)
        chosen = logits.argmax(-1) if classes is None else classes
        # rows do not depend on each other, so that the gradient of the sum is the gradient of each row
        (gradient,) = torch.autograd.grad(logits.gather(1, chosen[:, None]).sum(), leaf)
    return (gradient * pixels).sum(1)


def _attentions(stack: Stack, name: str) -> list[MultiHeadAttention]:
    """The attention of that name in every layer; ValueError for a layer that has none."""
    attentions = []
    for number, layer in enumerate(stack.layers):
        attention = getattr(layer, name, None)
        if not isinstance(attention, MultiHeadAttention):
            raise ValueError(
                f"layer {number} is a {type(layer).__name__} without {name}: expected a layer of networks/transformer.py"
            )
        attentions.append(attention)
    return attentions


@contextmanager
def _weights_of(
    modules: Iterable[nn.Module], reduce: Callable[[Tensor], Tensor] = lambda weights: weights
) -> Iterator[list[Tensor]]:
    """Within the block the list grows by the weights of each call of the modules, reduced, in the order of the calls."""
    weights: list[Tensor] = []

    def store(module: Any, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        weights.append(reduce(module.weights(*inputs, **keywords)))

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_pre_hook(store, with_kwargs=True).remove)
        yield weights
