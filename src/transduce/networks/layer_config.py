"""The part of a network's config that its layers are built from."""

from dataclasses import dataclass
from typing import Annotated, Literal

from transduce import config
from transduce.attention.catalogue import MODEL_ATTENTIONS
from transduce.attention.model_attention import ModelAttention, Place
from transduce.attention.positions import POSITIONS, PositionEncoding, Sinusoidal
from transduce.config import Fact
from transduce.layers.activations import ActivationName
from transduce.layers.norms import NORMS, LayerNorm, Norm

Placement = Literal["post", "pre"]


@dataclass(frozen=True)
class EncoderAttention:
    """The attention of an encoder's layers."""

    attention: Annotated[ModelAttention, "self-attention", MODEL_ATTENTIONS] = ModelAttention()

    def __post_init__(self) -> None:
        _check("attention", self.attention, "encoder")

    def check_length(self, tokens: int, what: str) -> None:
        """ValueError where the layers cannot read so many tokens: `check_length(513, "a picture")`."""
        longest = self.attention.longest_keys
        if longest is not None and tokens > longest:
            kind = type(self.attention).__name__
            raise ValueError(
                f"{what} has {tokens:,} tokens, but the encoder's {kind} reads at most {longest:,}: raise that"
            )


@dataclass(frozen=True)
class DecoderAttention:
    """The attention of a decoder's layers."""

    attention: Annotated[ModelAttention, "self-attention, causal in any case", MODEL_ATTENTIONS] = ModelAttention()

    def __post_init__(self) -> None:
        _check("attention", self.attention, "decoder")


@dataclass(frozen=True)
class CrossingDecoderAttention(DecoderAttention):
    """The attention of a decoder's layers that also read the output of an encoder."""

    cross_attention: Annotated[ModelAttention, "attention to the encoder's output", MODEL_ATTENTIONS] = ModelAttention()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("cross-attention", self.cross_attention, "cross-attention")


def _check(key: str, attention: ModelAttention, place: Place) -> None:
    if place not in attention.places:
        others = " and ".join(attention.places)
        raise ValueError(f"{key} {type(attention).__name__} cannot be used in the {place}: it is for the {others}")


@dataclass(frozen=True)
class LayerConfig:
    """A layer of a Transformer; the defaults are the base model of Vaswani et al. 2017, table 3."""

    d_model: Annotated[int, "width of the model", Fact(at_least=1, at_most=65_536, size=True)] = 512
    heads: Annotated[
        int, "attention heads; divides d-model unless head-width is given", Fact(at_least=1, at_most=1_024, size=True)
    ] = 8
    key_value_heads: Annotated[
        int | None,
        "heads of keys and values, each for several heads of queries; divides heads; default: heads",
        Fact(at_least=1, at_most=1_024, size=True),
    ] = None
    head_width: Annotated[
        int | None, "width of an attention head; default: d-model / heads", Fact(at_least=1, at_most=65_536, size=True)
    ] = None
    feed_forward: Annotated[
        int, "width inside the feed-forward networks", Fact(at_least=1, at_most=1_048_576, size=True)
    ] = 2048
    dropout: Annotated[
        float,
        "share of each sub-layer's output and of the embeddings dropped in training",
        Fact(at_least=0, below=1, free=True, automatic=True, noise=True),
    ] = 0.1
    attention_dropout: Annotated[
        float, "share of the attention weights dropped in training", Fact(at_least=0, below=1, free=True, noise=True)
    ] = 0.0
    activation_dropout: Annotated[
        float,
        "share of the features inside the feed-forward networks dropped in training",
        Fact(at_least=0, below=1, free=True, noise=True),
    ] = 0.0
    layer_dropout: Annotated[
        float,
        "probability that training skips a layer in a pass (Fan et al. 2019, 1909.11556)",
        Fact(at_least=0, below=1, free=True),
    ] = 0.0
    norm_placement: Annotated[
        Placement, "post: norm(x + f(x)) as in the paper; pre: x + f(norm(x))", Fact(automatic=True)
    ] = "post"
    norm: Annotated[Norm, "the norm", NORMS] = LayerNorm()
    positions: Annotated[PositionEncoding, "position encoding", POSITIONS, Fact(automatic=True)] = Sinusoidal()
    activation: Annotated[ActivationName, "activation of the feed-forward networks"] = "relu"

    def __post_init__(self) -> None:
        config.check(self)
        if self.head_width is None and self.d_model % self.heads:
            raise ValueError(f"d-model must be a multiple of heads, found {self.d_model} and {self.heads}")
        if self.heads % (self.key_value_heads or self.heads):
            raise ValueError(
                f"heads must be a multiple of key-value-heads, found {self.heads} and {self.key_value_heads}"
            )
        self.positions.check(self.width_of_heads)

    @property
    def width_of_heads(self) -> int:
        """The width of each head of queries, keys and values."""
        return self.head_width or self.d_model // self.heads
