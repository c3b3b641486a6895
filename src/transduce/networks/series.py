"""Networks that continue a numeric series: T steps of F features to the H steps that follow.

    GRU            steps -> GRU -> last state -> head
    Transformer    steps -> linear map -> + positions -> encoder -> last state -> head

Both predict the whole horizon at once. A network that predicts one step and reads it again needs H passes, and its errors
grow with each of them, because it learns from true steps and reads its own; the price is a head that fits one horizon.

Letters: B rows, T steps of the past, F features of a step, H steps of the horizon, D width of the model.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from transduce import config
from transduce.attention.positions import POSITIONS, PositionEncoding, Sinusoidal
from transduce.config import Fact
from transduce.layers.dropout import Dropout
from transduce.layers.initialise import xavier_linear
from transduce.networks.heads import FeatureHead
from transduce.networks.layer_config import LayerConfig, Placement
from transduce.networks.transformer import Stack
from transduce.networks.view import View


@dataclass(frozen=True)
class SeriesNetworkConfig(ABC):
    """A config whose module turns a past, float (B, T, F), into the steps that follow, (B, horizon, F)."""

    stacks: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def build(self, features: int, horizon: int) -> nn.Module:
        """With fresh weights."""


@dataclass(frozen=True)
class SeriesGRUConfig(SeriesNetworkConfig):
    """A gated recurrent unit (Cho et al. 2014, 1406.1078) over the past."""

    d_model: Annotated[int, "width of the model", Fact(at_least=1, at_most=65_536, size=True)] = 64
    layers: Annotated[int, "layers", Fact(at_least=1, at_most=1_000, size=True)] = 2
    dropout: Annotated[
        float,
        "share of each layer's states dropped in training",
        Fact(at_least=0, below=1, free=True, noise=True),
    ] = 0.1

    def __post_init__(self) -> None:
        config.check(self)

    def build(self, features: int, horizon: int) -> "SeriesGRU":
        return SeriesGRU(self, features, horizon)


@dataclass(frozen=True)
class SeriesTransformerConfig(LayerConfig, SeriesNetworkConfig):
    """A Transformer encoder over the past. No step of the past is masked: all of them are known."""

    d_model: Annotated[int, "width of the model", Fact(at_least=1, at_most=65_536, size=True)] = 64
    heads: Annotated[
        int, "attention heads; divides d-model unless head-width is given", Fact(at_least=1, at_most=1_024, size=True)
    ] = 4
    feed_forward: Annotated[
        int, "width inside the feed-forward networks", Fact(at_least=1, at_most=1_048_576, size=True)
    ] = 128
    norm_placement: Annotated[Placement, "post: norm(x + f(x)) as in the paper; pre: x + f(norm(x))"] = "pre"
    positions: Annotated[PositionEncoding, "position encoding", POSITIONS] = Sinusoidal()
    layers: Annotated[int, "layers", Fact(at_least=1, at_most=1_000, size=True)] = 2

    stacks: ClassVar[Mapping[str, str]] = {"encoder": "layers"}

    def build(self, features: int, horizon: int) -> "SeriesTransformer":
        return SeriesTransformer(self, features, horizon)


class HorizonHead(nn.Module):
    """A state to all numbers of the horizon: a linear map, (B, D) -> (B, H F) -> (B, H, F)."""

    def __init__(self, width: int, features: int, horizon: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.numbers = FeatureHead(width, horizon * features)

    def forward(self, state: Float[Tensor, "B D"]) -> Float[Tensor, "B H F"]:
        numbers: Tensor = self.numbers(state).unflatten(-1, (self.horizon, -1))
        return numbers


class SeriesGRU(nn.Module):
    """The last state of the last layer predicts the horizon."""

    def __init__(self, config: SeriesGRUConfig, features: int, horizon: int) -> None:
        super().__init__()
        between = config.dropout if config.layers > 1 else 0.0
        self.recurrent = nn.GRU(features, config.d_model, config.layers, batch_first=True, dropout=between)
        self.drop = Dropout(config.dropout)
        self.head = HorizonHead(config.d_model, features, horizon)

    def forward(self, past: Float[Tensor, "B T F"]) -> Float[Tensor, "B H F"]:
        states, _ = self.recurrent(past)
        future: Tensor = self.head(self.drop(states[:, -1]))
        return future


class SeriesTransformer(nn.Module):
    """The encoder's state of the last step predicts the horizon."""

    def __init__(self, config: SeriesTransformerConfig, features: int, horizon: int) -> None:
        super().__init__()
        self.config = config
        self.input = xavier_linear(features, config.d_model)
        self.drop = Dropout(config.dropout)
        self.encoder = Stack(config, config.layers)
        self.head = HorizonHead(config.d_model, features, horizon)

    def forward(self, past: Float[Tensor, "B T F"]) -> Float[Tensor, "B H F"]:
        x = self.input(past)
        view = View.unmasked(self.config, past.shape[1], x)
        states, _ = self.encoder(self.drop(self.config.positions.embed(x, view.positions)), view)
        future: Tensor = self.head(states[:, -1])
        return future
