"""The Transformer of "Attention Is All You Need" (Vaswani et al. 2017, 1706.03762), post-norm or pre-norm.

Letters: B sentences, S source tokens, T target tokens, D width of the model, V target vocabulary.
"""

import math
from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.masks import DenseMask, Mask, causal, within_lengths
from transduce.attention.multihead import MultiHeadAttention
from transduce.attention.positions import positions_from
from transduce.layers import initialise
from transduce.layers.activations import ACTIVATIONS
from transduce.layers.dropout import Dropout, present
from transduce.layers.feed_forward import FeedForward
from transduce.layers.residual import RESIDUALS, PostNorm, PreNorm
from transduce.networks.config import TransformerConfig

AnyMask = Mask | DenseMask | None


def _feed_forward(config: TransformerConfig) -> FeedForward:
    activation = ACTIVATIONS[config.activation]
    return FeedForward(config.d_model, config.feed_forward, activation, config.activation_dropout)


def _self_attention(config: TransformerConfig) -> MultiHeadAttention:
    rotation = config.positions.rotation(config.d_model // config.heads)
    return MultiHeadAttention(config.d_model, config.heads, config.attention_dropout, rotation)


def _memory_attention(config: TransformerConfig) -> MultiHeadAttention:
    return MultiHeadAttention(config.d_model, config.heads, config.attention_dropout)


def _residual(config: TransformerConfig) -> PostNorm | PreNorm:
    return RESIDUALS[config.norm_placement](config.norm.module(config.d_model), config.dropout)


def _final_norm(config: TransformerConfig) -> nn.Module:
    """Post-norm stacks end with a norm as it is."""
    if RESIDUALS[config.norm_placement].ends_with_norm:
        return nn.Identity()
    return config.norm.module(config.d_model)


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each inside a residual."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = _self_attention(config)
        self.feed_forward = _feed_forward(config)
        self.around_attention = _residual(config)
        self.around_feed_forward = _residual(config)

    def forward(self, x: Float[Tensor, "B S D"], mask: AnyMask) -> Float[Tensor, "B S D"]:
        x = self.around_attention(x, lambda y: self.attention(y, y, mask))
        x = self.around_feed_forward(x, self.feed_forward)
        return x


class DecoderLayer(nn.Module):
    """Masked self-attention, attention over the memory, then a feed-forward network, each inside a residual."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.self_attention = _self_attention(config)
        self.memory_attention = _memory_attention(config)
        self.feed_forward = _feed_forward(config)
        self.around_self = _residual(config)
        self.around_memory = _residual(config)
        self.around_feed_forward = _residual(config)

    def forward(
        self, x: Float[Tensor, "B T D"], memory: Float[Tensor, "B S D"], mask: AnyMask, memory_mask: AnyMask
    ) -> Float[Tensor, "B T D"]:
        return self.wired(
            x,
            lambda y: self.self_attention(y, y, mask),
            lambda y: self.memory_attention(y, memory, memory_mask),
        )

    def wired(
        self, x: Tensor, attend_self: Callable[[Tensor], Tensor], attend_memory: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The layer's equation, for whole targets (`forward`) and for single steps with a cache alike."""
        x = self.around_self(x, attend_self)
        x = self.around_memory(x, attend_memory)
        x = self.around_feed_forward(x, self.feed_forward)
        return x


class Encoder(nn.Module):
    """A stack of encoder layers; with a causal mask it is the stack of a decoder-only model."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layer_dropout = config.layer_dropout
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.final_norm = _final_norm(config)

    def forward(self, x: Float[Tensor, "B S D"], mask: AnyMask = None) -> Float[Tensor, "B S D"]:
        for layer in present(self.layers, self.layer_dropout, self.training):
            x = layer(x, mask)
        normed: Tensor = self.final_norm(x)
        return normed


class Decoder(nn.Module):
    """A stack of decoder layers."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layer_dropout = config.layer_dropout
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.final_norm = _final_norm(config)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"],
        mask: AnyMask = None,
        memory_mask: AnyMask = None,
    ) -> Float[Tensor, "B T D"]:
        for layer in present(self.layers, self.layer_dropout, self.training):
            x = layer(x, memory, mask, memory_mask)
        normed: Tensor = self.final_norm(x)
        return normed


class EncoderDecoder(nn.Module):
    """Source ids to logits over the target vocabulary.

    `source_vocabulary=None` means that both sides have one vocabulary, whose embedding table they share. The output map
    uses the target embeddings' weights unless `config.tie_output` is false; it has no bias, as in the paper.
    """

    def __init__(self, config: TransformerConfig, target_vocabulary: int, source_vocabulary: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.target_embedding = nn.Embedding(target_vocabulary, config.d_model)
        self.source_embedding = self.target_embedding
        if source_vocabulary is not None:
            self.source_embedding = nn.Embedding(source_vocabulary, config.d_model)
        self.output = nn.Linear(config.d_model, target_vocabulary, bias=False)
        self.positions = config.positions.added(config.d_model)
        self.embedding_dropout = Dropout(config.dropout)
        self._initialise()
        self.tie_weights()

    def tie_weights(self) -> None:
        """Makes the output map's weight the target embeddings' own, where the config says so."""
        if self.config.tie_output:
            self.output.weight = self.target_embedding.weight

    def _initialise(self) -> None:
        initialise.xavier_linear_layers(self)
        initialise.embedding(self.target_embedding.weight, self.config.d_model)
        if self.source_embedding is not self.target_embedding:
            initialise.embedding(self.source_embedding.weight, self.config.d_model)

    def forward(
        self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], target: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B T V"]:
        """Logits for the token after each of `target`; `lengths` counts each source's tokens without padding."""
        return self.logits(self.hidden(source, lengths, target))

    def hidden(
        self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], target: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B T D"]:
        """What the output map is applied to. Padding at the end of targets needs no mask: nothing before it sees it."""
        memory_mask = self.memory_mask(source, lengths)
        memory = self.encode(source, memory_mask)
        causal_mask = causal().written_out(1, 1, target.shape[1], target.shape[1], target.device)
        decoded: Tensor = self.decoder(self.embed(self.target_embedding, target), memory, causal_mask, memory_mask)
        return decoded

    def logits(self, hidden: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        return F.linear(hidden, self.output.weight)

    def memory_mask(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> DenseMask:
        """Who may look at which source position, (B, 1, 1, S)."""
        return within_lengths(lengths).written_out(len(source), 1, 1, source.shape[1], source.device)

    def encode(self, source: Int[Tensor, "B S"], mask: AnyMask) -> Float[Tensor, "B S D"]:
        memory: Tensor = self.encoder(self.embed(self.source_embedding, source), mask)
        return memory

    def embed(
        self, embedding: nn.Embedding, ids: Int[Tensor, "B T"], start: Int[Tensor, " B"] | None = None, longest: int = 0
    ) -> Float[Tensor, "B T D"]:
        """sqrt(D) * embedding, + position where those are added, then dropout; row b begins at position start[b] <= longest,
        or at 0.
        """
        placed = embedding(ids) * math.sqrt(self.config.d_model)
        if self.positions is not None:
            positions = positions_from(start, ids.shape[1], ids.device)
            placed = placed + self.positions(positions, longest + ids.shape[1], placed.dtype)
        dropped: Tensor = self.embedding_dropout(placed)
        return dropped
