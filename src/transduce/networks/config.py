"""What a Transformer is made of."""

from dataclasses import dataclass
from typing import Annotated

from transduce.attention.positions import POSITIONS, Positions, Sinusoidal
from transduce.layers.activations import ActivationName
from transduce.layers.norms import NORMS, LayerNorm, Norm
from transduce.layers.residual import Placement

# beyond these a config is a mistake or an attack
LARGEST = {
    "d_model": 65_536,
    "heads": 1_024,
    "feed_forward": 1_048_576,
    "encoder_layers": 1_000,
    "decoder_layers": 1_000,
}

# what is a matter of training alone: the same weights fit whatever these are
DROPOUTS = ("dropout", "attention_dropout", "activation_dropout", "layer_dropout")


@dataclass(frozen=True)
class TransformerConfig:
    """An encoder-decoder Transformer; the defaults are the base model of Vaswani et al. 2017, table 3."""

    d_model: Annotated[int, "width of the model"] = 512
    heads: Annotated[int, "attention heads; divides d-model"] = 8
    feed_forward: Annotated[int, "width inside the feed-forward networks"] = 2048
    encoder_layers: Annotated[int, "layers of the encoder"] = 6
    decoder_layers: Annotated[int, "layers of the decoder"] = 6
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
    positions: Annotated[Positions, "position encoding", POSITIONS] = Sinusoidal()
    activation: Annotated[ActivationName, "activation of the feed-forward networks"] = "relu"
    tie_output: Annotated[bool, "the output map uses the target embeddings' weights"] = True

    def __post_init__(self) -> None:
        for name, largest in LARGEST.items():
            if not 1 <= getattr(self, name) <= largest:
                raise ValueError(f"{name.replace('_', '-')} must be 1 to {largest}, found {getattr(self, name)}")
        if self.d_model % self.heads:
            raise ValueError(f"d-model must be a multiple of heads, found {self.d_model} and {self.heads}")
        self.positions.rotation(self.d_model // self.heads)  # says if the heads are not wide enough for it
        for name in DROPOUTS:
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(
                    f"{name.replace('_', '-')} must be at least 0 and below 1, found {getattr(self, name)}"
                )
