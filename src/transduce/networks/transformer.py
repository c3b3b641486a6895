"""The Transformer of "Attention Is All You Need" (Vaswani et al. 2017, 1706.03762), post-norm or pre-norm.

One forward pass serves training, prompts and single steps. With a cache the tokens follow those in it, and the longer
cache comes back beside the output; without one (in training) None comes back.

Letters: B sentences, S source tokens, T tokens, N rows (K beams for each of B sentences), D width of the model.
"""

import math
from collections.abc import Mapping
from typing import ClassVar, cast

from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.cache import Cache, KeysValues, KeyValueCache, Memory, MemoryCache
from transduce.attention.multihead import CrossAttention, Parts, SelfAttention
from transduce.attention.positions import Positions
from transduce.layers import initialise
from transduce.layers.activations import ACTIVATIONS
from transduce.layers.dropout import Dropout, present
from transduce.layers.feed_forward import FeedForward
from transduce.networks.heads import VocabularyHead
from transduce.networks.layer_config import LayerConfig, Placement
from transduce.networks.view import View


class Layer(nn.Module):
    """Self-attention, then a feed-forward network. With a causal mask it is the layer of a decoder-only network."""

    def __init__(self, config: LayerConfig) -> None:
        super().__init__()
        d_model, activation = config.d_model, ACTIVATIONS[config.activation]
        self.self_attention = SelfAttention(d_model, config.heads, config.positions, **_attention_parts(config))
        self.feed_forward = FeedForward(d_model, config.feed_forward, activation, config.activation_dropout)
        self.norm_1 = config.norm.module(d_model)
        self.norm_2 = config.norm.module(d_model)
        self.drop = Dropout(config.dropout)


class PostNormLayer(Layer):
    """norm(x + f(x)), as in the paper (section 3.1)."""

    def forward(
        self, x: Tensor, view: View, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(x, *view, cache)
        x = self.norm_1(x + self.drop(attended))
        x = self.norm_2(x + self.drop(self.feed_forward(x)))
        return x, cache


class PreNormLayer(Layer):
    """x + f(norm(x)) (Xiong et al. 2020, 2002.04745); the stack needs a norm at its end."""

    def forward(
        self, x: Tensor, view: View, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(self.norm_1(x), *view, cache)
        x = x + self.drop(attended)
        x = x + self.drop(self.feed_forward(self.norm_2(x)))
        return x, cache


class DecoderLayer(Layer):
    """Causal self-attention, attention over the memory, then a feed-forward network."""

    def __init__(self, config: LayerConfig) -> None:
        super().__init__(config)
        self.cross_attention = CrossAttention(config.d_model, config.heads, **_attention_parts(config))
        self.norm_3 = config.norm.module(config.d_model)


class PostNormDecoderLayer(DecoderLayer):
    """norm(x + f(x)), as in the paper (section 3.1)."""

    def forward(
        self, x: Tensor, memory: Memory | KeysValues, view: View, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(x, *view, cache)
        x = self.norm_1(x + self.drop(attended))
        x = self.norm_2(x + self.drop(self.cross_attention(x, memory)))
        x = self.norm_3(x + self.drop(self.feed_forward(x)))
        return x, cache


class PreNormDecoderLayer(DecoderLayer):
    """x + f(norm(x)) (Xiong et al. 2020, 2002.04745); the stack needs a norm at its end."""

    def forward(
        self, x: Tensor, memory: Memory | KeysValues, view: View, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(self.norm_1(x), *view, cache)
        x = x + self.drop(attended)
        x = x + self.drop(self.cross_attention(self.norm_2(x), memory))
        x = x + self.drop(self.feed_forward(self.norm_3(x)))
        return x, cache


LAYERS: dict[Placement, type[Layer]] = {"post": PostNormLayer, "pre": PreNormLayer}
DECODER_LAYERS: dict[Placement, type[DecoderLayer]] = {"post": PostNormDecoderLayer, "pre": PreNormDecoderLayer}


class Stack(nn.Module):
    """The layers of an encoder or of a decoder-only network."""

    kinds: ClassVar[Mapping[Placement, type[Layer]]] = LAYERS

    def __init__(self, config: LayerConfig, layers: int) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(self.kinds[config.norm_placement](config) for _ in range(layers))
        # post-norm layers end with a norm themselves
        self.norm = nn.Identity() if config.norm_placement == "post" else config.norm.module(config.d_model)

    def forward(self, x: Tensor, view: View, cache: Cache | None = None) -> tuple[Tensor, Cache | None]:
        caches = []
        for number in present(len(self.layers), self.config.layer_dropout, self.training):
            own = None if cache is None else cache.layers[number]
            x, own = self.layers[number](x, view, own)
            caches.append(own)
        return self.norm(x), None if cache is None else cache.after(caches, x.shape[1])

    def empty_cache(self, rows: int, like: Tensor) -> Cache:
        """On the device and in the number format of `like`."""
        config = self.config
        head_width = config.head_width or config.d_model // config.heads
        return Cache.empty(len(self.layers), rows, config.key_value_heads or config.heads, head_width, like)


class Decoder(Stack):
    """The layers of an encoder-decoder's decoder."""

    kinds = DECODER_LAYERS

    def forward(  # type: ignore[override]
        self, x: Tensor, memory: Memory | MemoryCache, view: View, cache: Cache | None = None
    ) -> tuple[Tensor, Cache | None]:
        caches = []
        for number in present(len(self.layers), self.config.layer_dropout, self.training):
            own = None if cache is None else cache.layers[number]
            x, own = self.layers[number](x, memory.layer(number), view, own)
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
        view = View.of_rows(self.config, source, lengths, self.source_embedding.weight.dtype)
        states, _ = self.encoder(self.source_embedding(source, view.positions), view)
        assert view.mask is not None  # of padding
        return Memory(states, view.mask)

    def decode(
        self, tokens: Int[Tensor, "N T"], memory: Memory | MemoryCache, cache: Cache | None = None
    ) -> tuple[Float[Tensor, "N T D"], Cache | None]:
        """Rows b K .. b K + K - 1 read memory b."""
        view = View.causal(self.config, tokens, cache, self.target_embedding.weight.dtype)
        hidden, cache = self.decoder(self.target_embedding(tokens, view.positions), memory, view, cache)
        return hidden, cache

    def memory_cache(self, memory: Memory) -> MemoryCache:
        """The memory's keys and values in each layer, for `decode` to compute them once."""
        layers = (attention.keys_values(memory.states) for attention in self.decoder.cross_attentions)
        return MemoryCache.of(layers, memory.mask)

    def empty_cache(self, rows: int) -> Cache:
        return self.decoder.empty_cache(rows, self.target_embedding.weight)


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
            view = View.causal(self.config, tokens, cache, self.embedding.weight.dtype)
        elif cache is None:
            view = View.packed(self.config, documents, self.embedding.weight.dtype)
        else:
            raise ValueError("packed documents are read as a whole: give either documents or a cache")
        hidden, cache = self.decoder(self.embedding(tokens, view.positions), view, cache)
        return hidden, cache

    def empty_cache(self, rows: int) -> Cache:
        return self.decoder.empty_cache(rows, self.embedding.weight)


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
        view = View.of_rows(self.config, tokens, lengths, self.embedding.weight.dtype)
        hidden: Tensor
        hidden, _ = self.encoder(self.embedding(tokens, view.positions), view)
        return hidden


def _attention_parts(config: LayerConfig) -> Parts:
    return {
        "key_value_heads": config.key_value_heads,
        "head_width": config.head_width,
        "dropout": config.attention_dropout,
    }
