"""The keys that each token attends to in self-attention, and the positions of tokens.

Letters: B rows of an encoder, N rows of a decoder (M of either), T tokens, S keys, H heads.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.attention.cache import Cache
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import causal, same_document, up_to, within_lengths
from transduce.attention.positions import Positions
from transduce.networks.layer_config import LayerConfig


class View(NamedTuple):
    """Arguments of self-attention that all layers of a stack share.

    mask: True where a token may attend to a key; None: to every key. bias: added to the scores.
    `near` is the rule of a mechanism over positions (`ModelAttention.mask`).
    """

    mask: Mask | DenseMask | None
    bias: Float[Tensor, "M H T S"] | None
    positions: Positions

    @classmethod
    def of_rows(
        cls,
        config: LayerConfig,
        tokens: Int[Tensor, "B T"],
        lengths: Int[Tensor, " B"],
        dtype: torch.dtype,
        near: Mask | None = None,
    ) -> "View":
        """A token attends to its whole row without the padding."""
        rows, width = tokens.shape
        positions = Positions.first(width, tokens.device)
        bias = config.positions.bias(config.heads, positions, positions, dtype)
        if near is None:
            return cls(padding(tokens, lengths), bias, positions)
        mask = (within_lengths(lengths) & near).for_layers(rows, config.heads, width, tokens.device, bias is not None)
        return cls(mask, bias, positions)

    @classmethod
    def unmasked(cls, config: LayerConfig, tokens: int, like: Tensor, near: Mask | None = None) -> "View":
        """A token attends to all tokens of its row, which has no padding; on the device and in the number format of `like`."""
        positions = Positions.first(tokens, like.device)
        bias = config.positions.bias(config.heads, positions, positions, like.dtype)
        mask = None if near is None else near.for_layers(1, config.heads, tokens, like.device, bias is not None)
        return cls(mask, bias, positions)

    @classmethod
    def causal(
        cls,
        config: LayerConfig,
        tokens: Int[Tensor, "N T"],
        cache: Cache | None,
        dtype: torch.dtype,
        near: Mask | None = None,
    ) -> "View":
        """A token attends to the tokens in the cache, to earlier new tokens and to itself."""
        rows, new = tokens.shape
        mask: Mask | DenseMask | None
        if cache is None:
            positions = keys = Positions.first(new, tokens.device)
            bias = config.positions.bias(config.heads, positions, keys, dtype)
            rule = causal() if near is None else causal() & near
            return cls(rule.for_layers(1, config.heads, new, tokens.device, bias is not None), bias, positions)
        positions = cache.lengths.next_positions(new)
        keys = Positions.first(positions.end, tokens.device)
        every = new == 1 and cache.lengths.equal
        if every and near is None:
            mask = None
        else:
            rule = up_to(positions.index) if near is None else up_to(positions.index) & near.at(positions.index)
            mask = rule.written_out(rows, config.heads, new, keys.end, tokens.device).with_finite_keys()
        return cls(mask, config.positions.bias(config.heads, positions, keys, dtype), positions)

    @classmethod
    def packed(
        cls, config: LayerConfig, documents: Int[Tensor, "N T"], dtype: torch.dtype, near: Mask | None = None
    ) -> "View":
        """A token attends to the earlier tokens of its document and itself; its position is the number of the earlier ones."""
        rows, width = documents.shape
        mask = (causal() & same_document(documents)).written_out(rows, 1, width, width, documents.device)
        positions = Positions(mask.allowed.sum(-1).squeeze(1) - 1, width)  # itself is allowed too
        if near is not None:
            close = near.at(positions.index, positions.index)
            mask = DenseMask(mask.allowed & close.dense(rows, config.heads, width, width, documents.device))
        return cls(mask, config.positions.bias(config.heads, positions, positions, dtype), positions)


def padding(tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> DenseMask:
    """(B, 1, 1, T): False at the padding of each row."""
    rows, width = tokens.shape
    return within_lengths(lengths).written_out(rows, 1, 1, width, tokens.device).with_finite_keys()
