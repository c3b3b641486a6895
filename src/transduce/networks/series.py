"""Networks that continue a numeric series: T steps of F features to the H steps that follow.

    GRU            patches -> GRU -> last state -> head
    Transformer    patches -> linear map -> + positions -> encoder -> last state -> head

A patch is P steps as one token. Both predict the whole horizon at once. A network that predicts one step and reads it again
needs H passes, and its errors grow with each of them, because it learns from true steps and reads its own; the price is a head
that fits one horizon. The network's prediction is added to that of a linear map from the past: what is linear in a series is
learned at once, and the network learns the rest.

Letters: B rows, T steps of the past, F features of a step, P steps of a patch, N patches, H steps of the horizon, D width of
the model.
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
from transduce.networks.layer_config import EncoderAttention, LayerConfig, Placement
from transduce.networks.transformer import Stack
from transduce.networks.view import View


@dataclass(frozen=True)
class SeriesNetworkConfig(ABC):
    """A config whose module turns a past, float (B, T, F), into the steps that follow, (B, horizon, F)."""

    stacks: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def build(self, features: int, history: int, horizon: int) -> nn.Module:
        """With fresh weights, for a past of `history` steps. ValueError if the network cannot read so many."""


@dataclass(frozen=True)
class PatchedConfig(SeriesNetworkConfig):
    """How a network reads the past, and what it adds to."""

    patch: Annotated[
        int,
        "steps of the history that are one token; divides history (Nie et al. 2022, 2211.14730)",
        Fact(at_least=1, at_most=100_000, size=True),
    ] = 1
    linear: Annotated[
        bool,
        "add a linear map from the history to the horizon, the same for each variable (Lai et al. 2017, 1703.07015)",
        Fact(size=True),
    ] = True

    def check_history(self, history: int) -> None:
        if history % self.patch:
            raise ValueError(
                f"history must be a multiple of patch, found {history} and {self.patch}; "
                f"{history - history % self.patch or self.patch} is one"
            )


@dataclass(frozen=True)
class SeriesGRUConfig(PatchedConfig):
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

    def build(self, features: int, history: int, horizon: int) -> "SeriesGRU":
        self.check_history(history)
        return SeriesGRU(self, features, history, horizon)


@dataclass(frozen=True)
class SeriesTransformerConfig(LayerConfig, PatchedConfig):
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

    encoder: Annotated[EncoderAttention, "attention of the layers"] = EncoderAttention()

    stacks: ClassVar[Mapping[str, str]] = {"encoder": "layers"}

    def build(self, features: int, history: int, horizon: int) -> "SeriesTransformer":
        self.check_history(history)
        self.encoder.check_length(history // self.patch, f"a history of {history:,} steps")
        return SeriesTransformer(self, features, history, horizon)


class HorizonHead(nn.Module):
    """A state to all numbers of the horizon: a linear map, (B, D) -> (B, H F) -> (B, H, F)."""

    def __init__(self, width: int, features: int, horizon: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.numbers = FeatureHead(width, horizon * features)

    def forward(self, state: Float[Tensor, "B D"]) -> Float[Tensor, "B H F"]:
        numbers: Tensor = self.numbers(state).unflatten(-1, (self.horizon, -1))
        return numbers


class LinearHorizon(nn.Module):
    """Each variable's past to its horizon, by one linear map for all variables. Fresh weights are zero."""

    def __init__(self, history: int, horizon: int) -> None:
        super().__init__()
        self.steps = nn.Linear(history, horizon)
        nn.init.zeros_(self.steps.weight)
        nn.init.zeros_(self.steps.bias)

    def forward(self, past: Float[Tensor, "B T F"]) -> Float[Tensor, "B H F"]:
        future: Tensor = self.steps(past.transpose(1, 2)).transpose(1, 2)
        return future


class SeriesNetwork(nn.Module, ABC):
    """head(last state) + linear(past). A subclass says how the states come from the patches."""

    def __init__(self, config: PatchedConfig, width: int, features: int, history: int, horizon: int) -> None:
        super().__init__()
        self.patch = config.patch
        self.linear = LinearHorizon(history, horizon) if config.linear else None
        self.head = HorizonHead(width, features, horizon)

    @abstractmethod
    def last_state(self, patches: Float[Tensor, "B N PF"]) -> Float[Tensor, "B D"]:
        """The state that has read all patches."""

    def forward(self, past: Float[Tensor, "B T F"]) -> Float[Tensor, "B H F"]:
        patches = past.unflatten(1, (-1, self.patch)).flatten(2)
        future: Tensor = self.head(self.last_state(patches))
        return future if self.linear is None else future + self.linear(past)


class SeriesGRU(SeriesNetwork):
    """The last state of the last layer predicts the horizon."""

    def __init__(self, config: SeriesGRUConfig, features: int, history: int, horizon: int) -> None:
        super().__init__(config, config.d_model, features, history, horizon)
        between = config.dropout if config.layers > 1 else 0.0
        width = config.patch * features
        self.recurrent = nn.GRU(width, config.d_model, config.layers, batch_first=True, dropout=between)
        self.drop = Dropout(config.dropout)

    def last_state(self, patches: Float[Tensor, "B N PF"]) -> Float[Tensor, "B D"]:
        states, _ = self.recurrent(patches)
        state: Tensor = self.drop(states[:, -1])
        return state


class SeriesTransformer(SeriesNetwork):
    """The encoder's state of the last patch predicts the horizon."""

    def __init__(self, config: SeriesTransformerConfig, features: int, history: int, horizon: int) -> None:
        super().__init__(config, config.d_model, features, history, horizon)
        self.config = config
        self.input = xavier_linear(config.patch * features, config.d_model)
        self.drop = Dropout(config.dropout)
        self.encoder = Stack(config, config.layers, attention=config.encoder.attention)

    def last_state(self, patches: Float[Tensor, "B N PF"]) -> Float[Tensor, "B D"]:
        x = self.input(patches)
        view = View.unmasked(self.config, patches.shape[1], x, self.encoder.near)
        states, _ = self.encoder(self.drop(self.config.positions.embed(x, view.positions)), view)
        state: Tensor = states[:, -1]
        return state
