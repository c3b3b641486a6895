"""The Transformer of "Attention Is All You Need" (Vaswani et al. 2017, 1706.03762), post-norm or pre-norm.

One forward pass serves training, prompts and single steps. With a cache, the new tokens follow the cached tokens, and a
layer returns its output and the longer cache. Without one (in training), a layer returns its output and None.

The layers of a stack share a view and a memory:
    view.mask       True where a token may attend to a key. Encoder: keys inside the sentence. Decoder: keys up to and
                    including the token itself. No target token attends to the padding behind it.
    view.bias       added to the scores of self-attention: None, or the distances of ALiBi
    view.positions  positions of the tokens, for rotary encodings; sinusoids are added to the embeddings instead
    memory          output of the encoder, and a mask that is True at the tokens of each source, False at padding

Letters: B sentences, S source tokens, T tokens, N rows (K beams for each of B sentences), D width of the model.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.cache import Cache, KeysValues, KeyValueCache, Memory, MemoryCache
from transduce.attention.mechanism_checks import check_methods
from transduce.attention.model_attention import ModelAttention, Place
from transduce.attention.multihead import CrossAttention, SelfAttention
from transduce.layers.activations import ACTIVATIONS
from transduce.layers.dropout import Dropout, layers_to_run
from transduce.layers.feed_forward import FeedForward
from transduce.networks.heads import VocabularyHead
from transduce.networks.layer_config import LayerConfig, Placement
from transduce.networks.token_embedding import TokenEmbedding
from transduce.networks.view import View, padding

STANDARD_ATTENTION = ModelAttention()


class Layer(nn.Module):
    """Self-attention, then a feed-forward network. With a causal mask it is a layer of a decoder-only network.

    causal: the mask is; the layer itself has none.
    """

    def __init__(
        self, config: LayerConfig, attention: ModelAttention = STANDARD_ATTENTION, causal: bool = False
    ) -> None:
        super().__init__()
        self.self_attention = SelfAttention(
            config.d_model,
            config.heads,
            config.positions,
            key_value_heads=config.key_value_heads,
            head_width=config.head_width,
            dropout=config.attention_dropout,
            score=attention.score(config.heads, config.width_of_heads),
            normalise=attention.normalise(config.heads),
            distance_bias=attention.bias(config.heads, causal),
        )
        self.feed_forward = FeedForward(
            config.d_model, config.feed_forward, ACTIVATIONS[config.activation], config.activation_dropout
        )
        self.self_attention_norm = config.norm.module(config.d_model)
        self.feed_forward_norm = config.norm.module(config.d_model)
        self.drop = Dropout(config.dropout)


class PostNormLayer(Layer):
    """norm(x + dropout(f(x))) for attention and feed-forward network f, as in the paper (section 3.1)."""

    def forward(
        self, x: Tensor, view: View, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(x, view.mask, view.bias, view.positions, cache)
        x = self.self_attention_norm(x + self.drop(attended))
        x = self.feed_forward_norm(x + self.drop(self.feed_forward(x)))
        return x, cache


class PreNormLayer(Layer):
    """x + dropout(f(norm(x))) for attention and feed-forward network f (Xiong et al. 2020, 2002.04745).

    The stack ends with a norm.
    """

    def forward(
        self, x: Tensor, view: View, cache: KeyValueCache | None = None
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(self.self_attention_norm(x), view.mask, view.bias, view.positions, cache)
        x = x + self.drop(attended)
        x = x + self.drop(self.feed_forward(self.feed_forward_norm(x)))
        return x, cache


class DecoderLayer(Layer):
    """A layer of an encoder-decoder's decoder: causal self-attention, attention over the memory, a feed-forward network."""

    def __init__(
        self,
        config: LayerConfig,
        attention: ModelAttention = STANDARD_ATTENTION,
        cross_attention: ModelAttention = STANDARD_ATTENTION,
    ) -> None:
        super().__init__(config, attention, causal=True)
        self.cross_attention = CrossAttention(
            config.d_model,
            config.heads,
            key_value_heads=config.key_value_heads,
            head_width=config.head_width,
            dropout=config.attention_dropout,
            score=cross_attention.score(config.heads, config.width_of_heads),
            normalise=cross_attention.normalise(config.heads),
            distance_bias=cross_attention.bias(config.heads, causal=False),
            near=cross_attention.mask(),
        )
        self.cross_attention_norm = config.norm.module(config.d_model)


class PostNormDecoderLayer(DecoderLayer):
    """norm(x + dropout(f(x))) for each f of self-attention, cross-attention and feed-forward network, as in the paper."""

    def forward(
        self, x: Tensor, view: View, cache: KeyValueCache | None, memory: Memory | KeysValues
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(x, view.mask, view.bias, view.positions, cache)
        x = self.self_attention_norm(x + self.drop(attended))
        x = self.cross_attention_norm(x + self.drop(self.cross_attention(x, memory, positions=view.positions)))
        x = self.feed_forward_norm(x + self.drop(self.feed_forward(x)))
        return x, cache


class PreNormDecoderLayer(DecoderLayer):
    """x + dropout(f(norm(x))) for each f of self-attention, cross-attention and feed-forward network (Xiong et al. 2020).

    The stack ends with a norm.
    """

    def forward(
        self, x: Tensor, view: View, cache: KeyValueCache | None, memory: Memory | KeysValues
    ) -> tuple[Float[Tensor, "N T D"], KeyValueCache | None]:
        attended, cache = self.self_attention(self.self_attention_norm(x), view.mask, view.bias, view.positions, cache)
        x = x + self.drop(attended)
        x = x + self.drop(self.cross_attention(self.cross_attention_norm(x), memory, positions=view.positions))
        x = x + self.drop(self.feed_forward(self.feed_forward_norm(x)))
        return x, cache


Layers = Mapping[Placement, Callable[..., Layer]]

LAYERS: Layers = {"post": PostNormLayer, "pre": PreNormLayer}
CAUSAL_LAYERS: Layers = {placement: partial(layer, causal=True) for placement, layer in LAYERS.items()}
DECODER_LAYERS: Layers = {"post": PostNormDecoderLayer, "pre": PreNormDecoderLayer}


class Stack(nn.Module):
    """Layers of one kind, one after the other. Decoder layers need a memory.

    attention: of the layers, by the name of the layer's argument.
    """

    def __init__(
        self,
        config: LayerConfig,
        layers: int,
        kinds: Layers = LAYERS,
        **attention: ModelAttention,
    ) -> None:
        super().__init__()
        self.config = config
        for name, each in attention.items():
            own: Place = "encoder" if kinds is LAYERS else "decoder"
            check_methods(
                each, config.heads, config.width_of_heads, "cross-attention" if name == "cross_attention" else own
            )
        self.near = attention.get("attention", STANDARD_ATTENTION).mask()
        self.layers = nn.ModuleList(kinds[config.norm_placement](config, **attention) for _ in range(layers))
        # post-norm layers end with a norm themselves
        self.norm = nn.Identity() if config.norm_placement == "post" else config.norm.module(config.d_model)

    def forward(
        self, x: Tensor, view: View, cache: Cache | None = None, memory: Memory | MemoryCache | None = None
    ) -> tuple[Tensor, Cache | None]:
        new_caches = []
        for number in layers_to_run(len(self.layers), self.config.layer_dropout, self.training):
            layer_cache = None if cache is None else cache.layers[number]
            if memory is None:
                x, layer_cache = self.layers[number](x, view, layer_cache)
            else:
                x, layer_cache = self.layers[number](x, view, layer_cache, memory.layer(number))
            new_caches.append(layer_cache)
        if cache is None:
            return self.norm(x), None
        assert len(new_caches) == len(self.layers), "layer dropout and a cache exclude each other: call eval()"
        return self.norm(x), cache.after(new_caches, x.shape[1])

    def empty_cache(self, rows: int, like: Tensor) -> Cache:
        """On the device and in the number format of `like`."""
        attention = cast(Layer, self.layers[0]).self_attention
        return Cache.empty(len(self.layers), rows, attention.key_value_heads, attention.head_width, like)


class EncoderDecoder(nn.Module):
    """Turns source and target ids into a hidden state for each target token; `head` predicts the next token from it.

    `source_vocabulary=None` means that both sides have one vocabulary, whose embeddings they share. With `tie_output` the head
    uses the target embeddings' weights too.
    """

    def __init__(
        self,
        encoder: Stack,
        decoder: Stack,
        target_vocabulary: int,
        source_vocabulary: int | None = None,
        tie_output: bool = True,
    ) -> None:
        super().__init__()
        config = encoder.config
        self.config, self.tie_output = config, tie_output
        self.encoder, self.decoder = encoder, decoder
        self.target_embedding = TokenEmbedding(config, target_vocabulary)
        self.source_embedding = self.target_embedding
        if source_vocabulary is not None:
            self.source_embedding = TokenEmbedding(config, source_vocabulary)
        self.head = VocabularyHead(config.d_model, target_vocabulary)
        self.tie_weights()

    def tie_weights(self) -> None:
        """Lets head and embedding share one weight: after building, and after loading."""
        if self.tie_output:
            self.head.tie(self.target_embedding)

    def forward(
        self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], target: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B T D"]:
        """`lengths` counts the tokens of each source without padding."""
        hidden, _ = self.decode(target, self.encode(source, lengths))
        return hidden

    def encode(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> Memory:
        view = View.of_rows(self.config, source, lengths, self.source_embedding.weight.dtype, self.encoder.near)
        states, _ = self.encoder(self.source_embedding(source, view.positions), view)
        return Memory(states, padding(source, lengths))

    def decode(
        self, tokens: Int[Tensor, "N T"], memory: Memory | MemoryCache, cache: Cache | None = None
    ) -> tuple[Float[Tensor, "N T D"], Cache | None]:
        """K rows of tokens may share a memory: rows b * K to b * K + K - 1 attend to memory b."""
        view = View.causal(self.config, tokens, cache, self.target_embedding.weight.dtype, self.decoder.near)
        hidden: tuple[Tensor, Cache | None] = self.decoder(
            self.target_embedding(tokens, view.positions), view, cache, memory
        )
        return hidden

    def memory_cache(self, memory: Memory) -> MemoryCache:
        """The memory's keys and values in each layer, for `decode` to compute them once."""
        layers = (attention.keys_values(memory.states) for attention in self.cross_attentions)
        return MemoryCache.of(layers, memory.mask)

    @property
    def cross_attentions(self) -> list[CrossAttention]:
        """The cross-attention of each layer of the decoder."""
        return [cast(DecoderLayer, layer).cross_attention for layer in self.decoder.layers]

    def empty_cache(self, rows: int) -> Cache:
        return self.decoder.empty_cache(rows, self.target_embedding.weight)


class DecoderOnly(nn.Module):
    """A language model: turns ids into a hidden state for each token; `head` predicts the next token from it."""

    def __init__(self, decoder: Stack, vocabulary: int, tie_output: bool = True) -> None:
        super().__init__()
        config = decoder.config
        self.config, self.tie_output = config, tie_output
        self.decoder = decoder
        self.embedding = TokenEmbedding(config, vocabulary)
        self.head = VocabularyHead(config.d_model, vocabulary)
        self.tie_weights()

    def tie_weights(self) -> None:
        """Lets head and embedding share one weight: after building, and after loading."""
        if self.tie_output:
            self.head.tie(self.embedding)

    def forward(
        self, tokens: Int[Tensor, "N T"], documents: Int[Tensor, "N T"] | None = None
    ) -> Float[Tensor, "N T D"]:
        """`documents` numbers the documents that are packed into a row: a token attends to earlier tokens of its own document,
        whose positions count from 0.
        """
        if documents is None:
            return self.decode(tokens)[0]
        view = View.packed(self.config, documents, self.embedding.weight.dtype, self.decoder.near)
        hidden: Tensor
        hidden, _ = self.decoder(self.embedding(tokens, view.positions), view)
        return hidden

    def decode(
        self, tokens: Int[Tensor, "N T"], cache: Cache | None = None
    ) -> tuple[Float[Tensor, "N T D"], Cache | None]:
        """Further tokens after those in the cache."""
        view = View.causal(self.config, tokens, cache, self.embedding.weight.dtype, self.decoder.near)
        hidden: tuple[Tensor, Cache | None] = self.decoder(self.embedding(tokens, view.positions), view, cache)
        return hidden

    def empty_cache(self, rows: int) -> Cache:
        return self.decoder.empty_cache(rows, self.embedding.weight)


class EncoderOnly(nn.Module):
    """Turns ids into hidden states that depend on their whole row; `head`, if any, predicts classes, numbers or tokens."""

    def __init__(self, encoder: Stack, vocabulary: int, head: nn.Module | None = None) -> None:
        super().__init__()
        config = encoder.config
        self.config = config
        self.encoder = encoder
        self.embedding = TokenEmbedding(config, vocabulary)
        self.head = head

    def tie_weights(self) -> None:
        """Nothing is tied."""

    def forward(self, tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T D"]:
        """`lengths` counts each row's tokens without padding."""
        view = View.of_rows(self.config, tokens, lengths, self.embedding.weight.dtype, self.encoder.near)
        hidden: Tensor
        hidden, _ = self.encoder(self.embedding(tokens, view.positions), view)
        return hidden
