"""The part of a network's config that its layers are built from."""

from dataclasses import dataclass
from typing import Annotated, Literal

from transduce.attention.positions import POSITIONS, PositionEncoding, Sinusoidal
from transduce.layers.activations import ActivationName
from transduce.layers.norms import NORMS, LayerNorm, Norm

Placement = Literal["post", "pre"]

# larger values are a mistake or an attack
LARGEST = {
    "d_model": 65_536,
    "heads": 1_024,
    "key_value_heads": 1_024,
    "head_width": 65_536,
    "feed_forward": 1_048_576,
    "layers": 1_000,
    "encoder_layers": 1_000,
    "decoder_layers": 1_000,
}

# these concern training alone: the same weights fit whatever they are
DROPOUTS = ("dropout", "attention_dropout", "activation_dropout", "layer_dropout")


@dataclass(frozen=True)
class LayerConfig:
    """A layer of a Transformer; the defaults are the base model of Vaswani et al. 2017, table 3."""

    d_model: Annotated[int, "width of the model"] = 512
    heads: Annotated[int, "attention heads; divides d-model unless head-width is given"] = 8
    key_value_heads: Annotated[
        int | None, "heads of keys and values, each for several heads of queries; divides heads; left out: heads"
    ] = None
    head_width: Annotated[int | None, "width of an attention head; left out: d-model / heads"] = None
    feed_forward: Annotated[int, "width inside the feed-forward networks"] = 2048
    dropout: Annotated[float, "share of each sub-layer's output and of the embeddings dropped in training"] = 0.1
    attention_dropout: Annotated[float, "share of the attention weights dropped in training"] = 0.0
    activation_dropout: Annotated[
        float, "share of the features inside the feed-forward networks dropped in training"
    ] = 0.0
    layer_dropout: Annotated[
        float, "share of the passes through the network that leave out a layer (Fan et al. 2019, 1909.11556)"
    ] = 0.0
    norm_placement: Annotated[Placement, "post: norm(x + f(x)) as in the paper; pre: x + f(norm(x))"] = "post"
    norm: Annotated[Norm, "the norm", NORMS] = LayerNorm()
    positions: Annotated[PositionEncoding, "position encoding", POSITIONS] = Sinusoidal()
    activation: Annotated[ActivationName, "activation of the feed-forward networks"] = "relu"

    def __post_init__(self) -> None:
        for name, largest in LARGEST.items():
            value = getattr(self, name, None)
            if value is not None and not 1 <= value <= largest:
                raise ValueError(f"{name.replace('_', '-')} must be 1 to {largest}, found {value}")
        if self.head_width is None and self.d_model % self.heads:
            raise ValueError(f"d-model must be a multiple of heads, found {self.d_model} and {self.heads}")
        if self.heads % (self.key_value_heads or self.heads):
            raise ValueError(
                f"heads must be a multiple of key-value-heads, found {self.heads} and {self.key_value_heads}"
            )
        self.positions.check(self.head_width or self.d_model // self.heads)
        for name in DROPOUTS:
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(
                    f"{name.replace('_', '-')} must be at least 0 and below 1, found {getattr(self, name)}"
                )
