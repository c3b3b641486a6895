"""AlexNet in two columns (Krizhevsky, Sutskever and Hinton 2012), in one column (Krizhevsky 2014, 1404.5997), and small.

    pixels -> [convolution -> relu -> norm -> pool] for each row of `convolutions` -> mean over a grid of cells
           -> [dropout -> linear -> relu] for each of `hidden` -> head

The network of 2012 ran on two GPUs: a convolution with two groups reads the channels of its own GPU alone. It names pictures
of 224 x 224 pixels, but its first convolution fits 227 x 227 without padding. With a padding of 2, as here, both sizes give
maps of 6 x 6 pixels before the linear layers, and the network has 60,965,224 parameters for 1,000 classes.

Letters: B pictures, C channels, h height, w width, D features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce import config
from transduce.config import Fact
from transduce.layers.channels import BatchNorm, LocalResponseNorm
from transduce.layers.dropout import Dropout
from transduce.networks.heads import FeatureClassHead
from transduce.networks.picture_config import PictureNetworkConfig

ChannelNorm = Literal["none", "response", "batch"]
InitialWeights = Literal["he", "paper"]

MOST_LAYERS, MOST_WIDTH = 1_000, 1_048_576
POOL, POOL_STRIDE = 3, 2  # windows overlap: section 3.4 of the paper


@dataclass(frozen=True)
class Convolution:
    """A convolution, relu, a norm, and a maximum over overlapping windows of 3 x 3 pixels, 2 apart."""

    channels: Annotated[int, "channels of the output", Fact(at_least=1, at_most=65_536, size=True)] = 64
    kernel: Annotated[int, "height and width of the kernel in pixels", Fact(at_least=1, at_most=1_024, size=True)] = 3
    stride: Annotated[int, "pixels between two positions of the kernel", Fact(at_least=1, at_most=1_024)] = 1
    padding: Annotated[
        int, "rows and columns of zeros on each side of the picture", Fact(at_least=0, at_most=1_024)
    ] = 1
    groups: Annotated[
        int,
        "equal shares of the channels, each of which reads one share of the input",
        Fact(at_least=1, at_most=65_536, size=True),
    ] = 1
    columns: Annotated[
        int, 'shares of the output that the norm "response" keeps apart', Fact(at_least=1, at_most=65_536)
    ] = 1
    norm: Annotated[ChannelNorm, "after the relu: local response norm, or batch norm"] = "none"
    pool: Annotated[bool, "maximum over windows of 3 x 3 pixels, 2 apart"] = False

    def __post_init__(self) -> None:
        config.check(self)
        for name, shares in (("groups", self.groups), ("columns", self.columns)):
            if self.channels % shares:
                raise ValueError(f"channels must be a multiple of {name}, found {self.channels} and {shares}")

    def size_after(self, size: int) -> int:
        """Height of the output for an input of height `size`; below 1 where the input is too small."""
        size = (size + 2 * self.padding - self.kernel) // self.stride + 1
        return (size - POOL) // POOL_STRIDE + 1 if self.pool else size

    def module(self, channels: int) -> nn.Sequential:
        """Reads `channels` channels."""
        convolution = nn.Conv2d(channels, self.channels, self.kernel, self.stride, self.padding, groups=self.groups)
        parts: list[nn.Module] = [convolution, nn.ReLU()]
        if self.norm != "none":
            parts.append(LocalResponseNorm(self.columns) if self.norm == "response" else BatchNorm(self.channels))
        if self.pool:
            parts.append(nn.MaxPool2d(POOL, POOL_STRIDE))
        return nn.Sequential(*parts)


TWO_COLUMNS = (
    Convolution(96, 11, stride=4, padding=2, columns=2, norm="response", pool=True),
    Convolution(256, 5, padding=2, groups=2, columns=2, norm="response", pool=True),
    Convolution(384),
    Convolution(384, groups=2),
    Convolution(256, groups=2, pool=True),
)
ONE_COLUMN = (
    Convolution(64, 11, stride=4, padding=2, pool=True),
    Convolution(192, 5, padding=2, pool=True),
    Convolution(384),
    Convolution(256),
    Convolution(256, pool=True),
)


@dataclass(frozen=True)
class AlexNetConfig(PictureNetworkConfig):
    """AlexNet; the defaults are the network of 2012, in two columns."""

    convolutions: Annotated[tuple[Convolution, ...], "convolutions from the pixels on", Fact(size=True)] = TWO_COLUMNS
    grid: Annotated[
        int,
        "the linear layers read means over grid x grid cells of the last map",
        Fact(at_least=1, at_most=1_024, size=True),
    ] = 6
    hidden: Annotated[tuple[int, ...], "widths of the linear layers before the output", Fact(size=True)] = (4096, 4096)
    dropout: Annotated[
        float,
        "share of the input of each linear layer but the last dropped in training",
        Fact(at_least=0, below=1, free=True, noise=True),
    ] = 0.5
    initial_weights: Annotated[
        InitialWeights, "he: by the number of inputs (He et al. 2015); paper: normal, 0.01 wide", Fact(free=True)
    ] = "he"

    def __post_init__(self) -> None:
        config.check(self)
        if not 1 <= len(self.convolutions) <= MOST_LAYERS:
            raise ValueError(f"convolutions must have 1 to {MOST_LAYERS:,} rows, found {len(self.convolutions):,}")
        if len(self.hidden) > MOST_LAYERS:
            raise ValueError(f"hidden must have at most {MOST_LAYERS:,} widths, found {len(self.hidden):,}")
        if wrong := [width for width in self.hidden if not 1 <= width <= MOST_WIDTH]:
            raise ValueError(f"hidden must be widths of 1 to {MOST_WIDTH:,}, found {wrong[0]}")

    def build(self, classes: int, channels: int, size: int) -> "AlexNet":
        read, height = channels, size
        for number, row in enumerate(self.convolutions, start=1):
            if read % row.groups:
                raise ValueError(
                    f"convolution {number} reads {read} channels, which its {row.groups} groups do not divide"
                )
            read, height = row.channels, row.size_after(height)
            if height < 1:
                raise ValueError(
                    f"pictures of {size} x {size} pixels are too small: nothing is left of them after convolution {number}; "
                    "give larger pictures, smaller strides or fewer pools"
                )
        return AlexNet(self, classes, channels)


class AlexNet(nn.Module):
    """Pixels to logits: convolutions, then linear layers."""

    def __init__(self, config: AlexNetConfig, classes: int, channels: int) -> None:
        super().__init__()
        read = [channels, *(row.channels for row in config.convolutions)]
        rows = zip(config.convolutions, read, strict=False)
        self.features = nn.Sequential(*(row.module(channels) for row, channels in rows))
        self.grid = nn.AdaptiveAvgPool2d(config.grid)
        widths = [read[-1] * config.grid**2, *config.hidden]
        pairs = zip(widths, config.hidden, strict=False)
        self.linears = nn.ModuleList(nn.Linear(width, output) for width, output in pairs)
        self.drop = Dropout(config.dropout)
        self.head = FeatureClassHead(widths[-1], classes)
        INITIAL_WEIGHTS[config.initial_weights](self)

    @property
    def weighted_layers(self) -> list[nn.Conv2d | nn.Linear]:
        """Convolutions, linear layers and head in the order of the data."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d | nn.Linear)]

    def forward(self, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "B classes"]:
        x = self.grid(self.features(pixels)).flatten(1)  # (B, D)
        for linear in self.linears:
            x = linear(self.drop(x)).relu()
        logits: Tensor = self.head(x)
        return logits


@torch.no_grad()
def he_weights(network: AlexNet) -> None:
    """Normal with variance 2 / inputs before a relu, 1 / inputs in the head; biases are zero (He et al. 2015, 1502.01852)."""
    for layer in network.weighted_layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer is network.head else "relu")
        nn.init.zeros_(cast(Tensor, layer.bias))


@torch.no_grad()
def paper_weights(network: AlexNet) -> None:
    """Normal, 0.01 wide; biases are 0 in convolutions 1 and 3 and in the head, else 1 (section 5 of the paper).

    The ones give the first relus positive inputs.
    """
    for number, layer in enumerate(network.weighted_layers, start=1):
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(cast(Tensor, layer.bias), 0.0 if number in (1, 3) or layer is network.head else 1.0)


INITIAL_WEIGHTS: dict[InitialWeights, Callable[[AlexNet], None]] = {"he": he_weights, "paper": paper_weights}
