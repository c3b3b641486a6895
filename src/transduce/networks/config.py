"""What a Transformer is made of."""

from dataclasses import dataclass
from typing import Annotated

from transduce import config
from transduce.attention.positions import POSITIONS, Positions, Sinusoidal
from transduce.config import Fact
from transduce.layers.activations import ActivationName
from transduce.layers.norms import NORMS, LayerNorm, Norm
from transduce.layers.residual import Placement


@dataclass(frozen=True)
class TransformerConfig:
    """An encoder-decoder Transformer; the defaults are the base model of Vaswani et al. 2017, table 3.

    Sizes have limits: a model folder may come from anybody. The weights do not depend on the dropouts.
    """

    d_model: Annotated[int, "width of the model", Fact(at_least=1, at_most=65_536, size=True)] = 512
    heads: Annotated[int, "attention heads; divides d-model", Fact(at_least=1, at_most=1_024, size=True)] = 8
    feed_forward: Annotated[
        int, "width inside the feed-forward networks", Fact(at_least=1, at_most=1_048_576, size=True)
    ] = 2048
    encoder_layers: Annotated[int, "layers of the encoder", Fact(at_least=1, at_most=1_000, size=True)] = 6
    decoder_layers: Annotated[int, "layers of the decoder", Fact(at_least=1, at_most=1_000, size=True)] = 6
    dropout: Annotated[
        float,
        "share of each sub-layer's output and of the embeddings dropped in training",
        Fact(at_least=0, below=1, free=True, automatic=True),
    ] = 0.1
    attention_dropout: Annotated[
        float, "share of the attention weights dropped in training", Fact(at_least=0, below=1, free=True)
    ] = 0.0
    activation_dropout: Annotated[
        float,
        "share of the features inside the feed-forward networks dropped in training",
        Fact(at_least=0, below=1, free=True),
    ] = 0.0
    layer_dropout: Annotated[
        float,
        "share of the passes through the network that leave out a layer (Fan et al. 2019, 1909.11556)",
        Fact(at_least=0, below=1, free=True),
    ] = 0.0
    norm_placement: Annotated[
        Placement, "post: norm(x + f(x)) as in the paper; pre: x + f(norm(x))", Fact(automatic=True)
    ] = "post"
    norm: Annotated[Norm, "the norm", NORMS] = LayerNorm()
    positions: Annotated[Positions, "position encoding", POSITIONS, Fact(automatic=True)] = Sinusoidal()
    activation: Annotated[ActivationName, "activation of the feed-forward networks"] = "relu"
    tie_output: Annotated[bool, "the output map uses the target embeddings' weights"] = True

    def __post_init__(self) -> None:
        config.check(self)
        if self.d_model % self.heads:
            raise ValueError(f"d-model must be a multiple of heads, found {self.d_model} and {self.heads}")
        self.positions.rotation(self.d_model // self.heads)  # says if the heads are not wide enough for it
