"""The Transformer of "Attention Is All You Need" (Vaswani et al. 2017, 1706.03762), post-norm or pre-norm.

One forward pass serves training, prompts and single steps. With a cache the tokens follow those in it, and the longer
cache comes back beside the output; without one (in training) None comes back.

Letters: B sentences, S source tokens, T tokens, N rows (K beams for each of B sentences), D width of the model.
"""

import math
from typing import cast

from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.cache import Cache, KeysValues, KeyValueCache, Memory, MemoryCache
from transduce.attention.masks import DenseMask, causal, same_document, up_to, within_lengths
from transduce.attention.multihead import CrossAttention, Parts, SelfAttention
from transduce.attention.positions import Positions
from transduce.layers import initialise
from transduce.layers.activations import ACTIVATIONS
from transduce.layers.dropout import Dropout, present
from transduce.layers.feed_forward import FeedForward
from transduce.networks.heads import VocabularyHead
from transduce.networks.layer_config import LayerConfig, Placement

Bias = Float[Tensor, "_ H T S"] | None


class Layer(nn.Module):
    """Self-attention, then a feed-forward network. With a causal mask it is the layer of a decoder-only network."""

    def __init__(self, config: LayerConfig) -> None:
        super().__init__()
        self.self_attention = _self_attention(config)
        self.feed_forward = _feed_forward(config)
        self.norm_1 = config.norm.module(config.d_model)
        self.norm_2 = config.norm.module(config.d_model)
        self.drop = Dropout(config.dropout)


class PostNormLayer(Layer):
    """norm(x + f(x)), as in the paper (section 3.1)."""

    def forward(
        self, x: Tensor, mask: DenseMask | None, bias: Bias, positions: Positions, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(x, mask, bias, positions, cache)
        x = self.norm_1(x + self.drop(attended))
        x = self.norm_2(x + self.drop(self.feed_forward(x)))
        return x, cache


class PreNormLayer(Layer):
    """x + f(norm(x)) (Xiong et al. 2020, 2002.04745); the stack needs a norm at its end."""

    def forward(
        self, x: Tensor, mask: DenseMask | None, bias: Bias, positions: Positions, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(self.norm_1(x), mask, bias, positions, cache)
        x = x + self.drop(attended)
        x = x + self.drop(self.feed_forward(self.norm_2(x)))
        return x, cache


class DecoderLayer(nn.Module):
    """Causal self-attention, attention over the memory, then a feed-forward network."""

    def __init__(self, config: LayerConfig) -> None:
        super().__init__()
        self.self_attention = _self_attention(config)
        self.cross_attention = CrossAttention(config.d_model, config.heads, **_attention_parts(config))
        self.feed_forward = _feed_forward(config)
        self.norm_1 = config.norm.module(config.d_model)
        self.norm_2 = config.norm.module(config.d_model)
        self.norm_3 = config.norm.module(config.d_model)
        self.drop = Dropout(config.dropout)


class PostNormDecoderLayer(DecoderLayer):
    """norm(x + f(x)), as in the paper (section 3.1)."""

    def forward(
        self,
        x: Float[Tensor, "N T D"],
        memory: Memory | KeysValues,
        mask: DenseMask | None,
        bias: Bias,
        positions: Positions,
        cache: KeyValueCache | None = None,
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(x, mask, bias, positions, cache)
        x = self.norm_1(x + self.drop(attended))
        x = self.norm_2(x + self.drop(self.cross_attention(x, memory)))
        x = self.norm_3(x + self.drop(self.feed_forward(x)))
        return x, cache


class PreNormDecoderLayer(DecoderLayer):
    """x + f(norm(x)) (Xiong et al. 2020, 2002.04745); the stack needs a norm at its end."""

    def forward(
        self,
        x: Float[Tensor, "N T D"],
        memory: Memory | KeysValues,
        mask: DenseMask | None,
        bias: Bias,
        positions: Positions,
        cache: KeyValueCache | None = None,
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(self.norm_1(x), mask, bias, positions, cache)
        x = x + self.drop(attended)
        x = x + self.drop(self.cross_attention(self.norm_2(x), memory))
        x = x + self.drop(self.feed_forward(self.norm_3(x)))
        return x, cache


LAYERS: dict[Placement, type[Layer]] = {"post": PostNormLayer, "pre": PreNormLayer}
DECODER_LAYERS: dict[Placement, type[DecoderLayer]] = {"post": PostNormDecoderLayer, "pre": PreNormDecoderLayer}


class Stack(nn.Module):
    """The layers of an encoder or of a decoder-only network."""

    def __init__(self, config: LayerConfig, layers: int) -> None:
        super().__init__()
        self.layer_dropout = config.layer_dropout
        self.layers = nn.ModuleList(LAYERS[config.norm_placement](config) for _ in range(layers))
        self.norm = _final_norm(config)

    def forward(
        self, x: Tensor, mask: DenseMask | None, bias: Bias, positions: Positions, cache: Cache | None = None
    ) -> tuple[Float[Tensor, "N T D"], Cache | None]:
        caches = []
        for number in present(len(self.layers), self.layer_dropout, self.training):
            own = None if cache is None else cache.layers[number]
            x, own = self.layers[number](x, mask, bias, positions, own)
            caches.append(own)
        return self.norm(x), None if cache is None else cache.after(caches, x.shape[1])


class Decoder(nn.Module):
    """The layers of an encoder-decoder's decoder."""

    def __init__(self, config: LayerConfig, layers: int) -> None:
        super().__init__()
        self.layer_dropout = config.layer_dropout
        self.layers = nn.ModuleList(DECODER_LAYERS[config.norm_placement](config) for _ in range(layers))
        self.norm = _final_norm(config)

    def forward(
        self,
        x: Float[Tensor, "N T D"],
        memory: Memory | MemoryCache,
        mask: DenseMask | None,
        bias: Bias,
        positions: Positions,
        cache: Cache | None = None,
    ) -> tuple[Float[Tensor, "N T D"], Cache | None]:
        caches = []
        for number in present(len(self.layers), self.layer_dropout, self.training):
            own = None if cache is None else cache.layers[number]
            x, own = self.layers[number](x, memory.layer(number), mask, bias, positions, own)
            caches.append(own)
        return self.norm(x), None if cache is None else cache.after(caches, x.shape[1])

    @property
    def cross_attentions(self) -> list[CrossAttention]:
        """Of each layer."""
        return [cast(DecoderLayer, layer).cross_attention for layer in self.layers]


class TokenEmbedding(nn.Embedding):
    """sqrt(D) * embedding, with positions, then dropout (section 3.4)."""

    def __init__(self, config: LayerConfig, vocabulary: int) -> None:
        super().__init__(vocabulary, config.d_model)
        self.scale = math.sqrt(config.d_model)
        self.position_encoding = config.positions
        self.drop = Dropout(config.dropout)

    def reset_parameters(self) -> None:
        initialise.embedding(self.weight, self.embedding_dim)

    def scaled(self, ids: Int[Tensor, "N T"]) -> Float[Tensor, "N T D"]:
        """Without positions and dropout."""
        return super().forward(ids) * self.scale

    def forward(self, ids: Int[Tensor, "N T"], positions: Positions) -> Float[Tensor, "N T D"]:  # type: ignore[override]
        embedded: Tensor = self.drop(self.position_encoding.embed(self.scaled(ids), positions))
        return embedded


class EncoderDecoder(nn.Module):
    """Source and target ids to the hidden states that `head` turns into logits of the token after each of the target.

    `layers` are those of the encoder and of the decoder. `source_vocabulary=None` means that both sides have one
    vocabulary, whose embeddings they share. With `tie_output` the head uses the target embeddings' weights too.
    """

    def __init__(
        self,
        config: LayerConfig,
        layers: tuple[int, int],
        target_vocabulary: int,
        source_vocabulary: int | None = None,
        tie_output: bool = True,
    ) -> None:
        super().__init__()
        self.config, self.tie_output = config, tie_output
        self.encoder = Stack(config, layers[0])
        self.decoder = Decoder(config, layers[1])
        self.target_embedding = TokenEmbedding(config, target_vocabulary)
        self.source_embedding = self.target_embedding
        if source_vocabulary is not None:
            self.source_embedding = TokenEmbedding(config, source_vocabulary)
        self.head = VocabularyHead(config.d_model, target_vocabulary)
        self.tie_weights()

    def tie_weights(self) -> None:
        """Makes tensors one that are to be one: after building, and after loading."""
        if self.tie_output:
            self.head.tie(self.target_embedding)

    def forward(
        self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], target: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B T D"]:
        """`lengths` counts each source's tokens without padding. Padding at the end of targets needs no mask."""
        hidden, _ = self.decode(target, self.encode(source, lengths))
        return hidden

    def encode(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> Memory:
        mask = within_lengths(lengths).written_out(len(source), 1, 1, source.shape[1], source.device)
        positions = Positions.first(source.shape[1], source.device)
        x = self.source_embedding(source, positions)
        states, _ = self.encoder(x, mask, _bias(self.config, x, positions), positions)
        return Memory(states, mask)

    def decode(
        self, tokens: Int[Tensor, "N T"], memory: Memory | MemoryCache, cache: Cache | None = None
    ) -> tuple[Float[Tensor, "N T D"], Cache | None]:
        """Rows b K .. b K + K - 1 read memory b."""
        positions, mask = _after(cache, tokens)
        x = self.target_embedding(tokens, positions)
        hidden, cache = self.decoder(x, memory, mask, _bias(self.config, x, positions, cache), positions, cache)
        return hidden, cache

    def memory_cache(self, memory: Memory) -> MemoryCache:
        """The memory's keys and values in each layer, for `decode` to compute them once."""
        layers = (attention.keys_values(memory.states) for attention in self.decoder.cross_attentions)
        return MemoryCache.of(layers, memory.mask)

    def empty_cache(self, rows: int) -> Cache:
        return _empty_cache(self.config, len(self.decoder.layers), rows, self.target_embedding.weight)


class DecoderOnly(nn.Module):
    """Ids to the hidden states that `head` turns into logits of the token after each: a language model."""

    def __init__(self, config: LayerConfig, layers: int, vocabulary: int, tie_output: bool = True) -> None:
        super().__init__()
        self.config, self.tie_output = config, tie_output
        self.decoder = Stack(config, layers)
        self.embedding = TokenEmbedding(config, vocabulary)
        self.head = VocabularyHead(config.d_model, vocabulary)
        self.tie_weights()

    def tie_weights(self) -> None:
        """Makes tensors one that are to be one: after building, and after loading."""
        if self.tie_output:
            self.head.tie(self.embedding)

    def forward(
        self, tokens: Int[Tensor, "N T"], documents: Int[Tensor, "N T"] | None = None, cache: Cache | None = None
    ) -> tuple[Float[Tensor, "N T D"], Cache | None]:
        """`documents` numbers the documents that are packed into a row: a token sees earlier tokens of its own only, and
        positions count from 0 in each.
        """
        if documents is None:
            positions, mask = _after(cache, tokens)
        elif cache is None:
            positions, mask = _packed(documents)
        else:
            raise ValueError("packed documents are read as a whole: give either documents or a cache")
        x = self.embedding(tokens, positions)
        hidden, cache = self.decoder(x, mask, _bias(self.config, x, positions, cache), positions, cache)
        return hidden, cache

    def empty_cache(self, rows: int) -> Cache:
        return _empty_cache(self.config, len(self.decoder.layers), rows, self.embedding.weight)


class EncoderOnly(nn.Module):
    """Ids to hidden states that see their whole row; `head`, if any, turns them into classes, numbers or logits."""

    def __init__(self, config: LayerConfig, layers: int, vocabulary: int, head: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = Stack(config, layers)
        self.embedding = TokenEmbedding(config, vocabulary)
        self.head = head

    def tie_weights(self) -> None:
        """Nothing is tied."""

    def forward(self, tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T D"]:
        """`lengths` counts each row's tokens without padding."""
        mask = within_lengths(lengths).written_out(len(tokens), 1, 1, tokens.shape[1], tokens.device)
        positions = Positions.first(tokens.shape[1], tokens.device)
        x = self.embedding(tokens, positions)
        hidden: Tensor
        hidden, _ = self.encoder(x, mask, _bias(self.config, x, positions), positions)
        return hidden


def _self_attention(config: LayerConfig) -> SelfAttention:
    return SelfAttention(config.d_model, config.heads, config.positions, **_attention_parts(config))


def _attention_parts(config: LayerConfig) -> Parts:
    return {
        "key_value_heads": config.key_value_heads,
        "head_width": config.head_width,
        "dropout": config.attention_dropout,
    }


def _feed_forward(config: LayerConfig) -> FeedForward:
    activation = ACTIVATIONS[config.activation]
    return FeedForward(config.d_model, config.feed_forward, activation, config.activation_dropout)


def _final_norm(config: LayerConfig) -> nn.Module:
    """Post-norm layers end with a norm themselves."""
    return nn.Identity() if config.norm_placement == "post" else config.norm.module(config.d_model)


def _after(cache: Cache | None, tokens: Int[Tensor, "N T"]) -> tuple[Positions, DenseMask | None]:
    """Positions of tokens behind those in the cache, and the causal mask; None where every key may be seen."""
    rows, new = tokens.shape
    if cache is None:
        return Positions.first(new, tokens.device), causal().written_out(1, 1, new, new, tokens.device)
    positions = cache.lengths.next_positions(new)
    if new == 1 and cache.lengths.equal:
        return positions, None
    return positions, up_to(positions.index).written_out(rows, 1, new, positions.end, tokens.device)


def _packed(documents: Int[Tensor, "N T"]) -> tuple[Positions, DenseMask]:
    """A token's position is the number of earlier tokens of its document."""
    rows, tokens = documents.shape
    mask = (causal() & same_document(documents)).written_out(rows, 1, tokens, tokens, documents.device)
    return Positions(mask.allowed.sum(-1).squeeze(1) - 1, tokens), mask


def _bias(config: LayerConfig, x: Tensor, queries: Positions, cache: Cache | None = None) -> Bias:
    """The position encoding's bias, over the tokens in the cache too."""
    keys = queries if cache is None else Positions.first(queries.end, x.device)
    return config.positions.bias(config.heads, queries, keys, x.dtype)


def _empty_cache(config: LayerConfig, layers: int, rows: int, like: Tensor) -> Cache:
    key_heads = config.key_value_heads or config.heads
    return Cache.empty(layers, rows, key_heads, config.head_width or config.d_model // config.heads, like)
