"""EfficientNet (Tan and Le 2019, 1905.11946): one table of stages, and one rule that scales it.

    pixels -> stem -> stages of inverted residual blocks -> 1 x 1 convolution -> mean over the pixels -> head
    block:    x + drop(project(gate(depthwise(expand(x))))), without the sum where channels or size change
    scaling:  channels = the multiple of 8 nearest to width factor * channels, not below 90 % of it
              blocks = ceil(depth factor * blocks)

The blocks are those of MobileNetV2 (Sandler et al. 2018, 1801.04381) with squeeze-and-excitation. Convolutions are padded by
half a kernel on every side, as in PyTorch's ports of the network; TensorFlow pads one side more where it strides.

Letters: B pictures, C channels, h height, w width.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce import config
from transduce.config import Fact
from transduce.layers.channels import BatchNorm, SqueezeExcitation, StochasticDepth
from transduce.layers.dropout import Dropout
from transduce.networks.heads import FeatureClassHead
from transduce.networks.picture_config import PictureNetworkConfig

MOST_BLOCKS = 1_000  # of a network
MULTIPLE = 8  # channels of a scaled network
SQUEEZE = 4  # channels that a block reads, over channels inside its gate


@dataclass(frozen=True)
class Stage:
    """Blocks of equal width; the first of them has the stride."""

    blocks: Annotated[int, "blocks before scaling", Fact(at_least=1, at_most=1_000, size=True)] = 1
    channels: Annotated[int, "channels of the output before scaling", Fact(at_least=1, at_most=65_536, size=True)] = 16
    expansion: Annotated[
        int, "channels inside a block, over those that it reads", Fact(at_least=1, at_most=1_024, size=True)
    ] = 6
    kernel: Annotated[
        int, "height and width of the depthwise kernel in pixels; odd", Fact(at_least=1, at_most=1_023, size=True)
    ] = 3
    stride: Annotated[
        int, "pixels between two positions of the kernel in the first block", Fact(at_least=1, at_most=1_024)
    ] = 1

    def __post_init__(self) -> None:
        config.check(self)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, found {self.kernel}")


B0_STAGES = (  # table 1 of the paper
    Stage(1, 16, expansion=1),
    Stage(2, 24, stride=2),
    Stage(2, 40, kernel=5, stride=2),
    Stage(3, 80, stride=2),
    Stage(3, 112, kernel=5),
    Stage(4, 192, kernel=5, stride=2),
    Stage(1, 320),
)


@dataclass(frozen=True)
class EfficientNetConfig(PictureNetworkConfig):
    """EfficientNet; the defaults are B0. Norms have the paper's momentum and eps; PyTorch's ports have 0.1 and 1e-5."""

    width_factor: Annotated[float, "factor of all channels", Fact(above=0, at_most=100, size=True)] = 1.0
    depth_factor: Annotated[
        float, "factor of the number of blocks in each stage", Fact(above=0, at_most=100, size=True)
    ] = 1.0
    stages: Annotated[tuple[Stage, ...], "stages from the stem on", Fact(size=True)] = B0_STAGES
    stem_channels: Annotated[
        int, "channels of the first convolution before scaling", Fact(at_least=1, at_most=65_536, size=True)
    ] = 32
    stem_stride: Annotated[int, "stride of the first convolution, 3 x 3 pixels", Fact(at_least=1, at_most=1_024)] = 2
    last_channels: Annotated[
        int, "channels before the output, before scaling", Fact(at_least=1, at_most=65_536, size=True)
    ] = 1280
    dropout: Annotated[
        float, "share of the head's input dropped in training", Fact(at_least=0, below=1, free=True, noise=True)
    ] = 0.2
    stochastic_depth: Annotated[
        float,
        "probability that training skips a block for a picture; grows from 0 in the first block towards this",
        Fact(at_least=0, below=1, free=True, noise=True),
    ] = 0.2
    norm_momentum: Annotated[
        float, "share of a batch in the running means and variances", Fact(above=0, at_most=1, free=True)
    ] = 0.01
    norm_eps: Annotated[float, "added to the variance", Fact(above=0)] = 1e-3

    def __post_init__(self) -> None:
        config.check(self)
        if not self.stages:
            raise ValueError("stages must have at least 1 row, found 0")
        blocks = sum(scaled_blocks(stage.blocks, self.depth_factor) for stage in self.stages)
        if blocks > MOST_BLOCKS:
            raise ValueError(f"stages must have at most {MOST_BLOCKS:,} blocks after scaling, found {blocks:,}")

    @property
    def total_stride(self) -> int:
        """Pixels of the picture for each pixel of the last map."""
        return math.prod((self.stem_stride, *(stage.stride for stage in self.stages)))

    def build(self, classes: int, channels: int, size: int) -> "EfficientNet":
        if size < self.total_stride:
            raise ValueError(
                f"pictures of {size} x {size} pixels are smaller than the product of all strides, {self.total_stride}; "
                "give larger pictures or smaller strides"
            )
        return EfficientNet(self, classes, channels)


def scaled_channels(channels: int, width: float) -> int:
    """The multiple of 8 nearest to width * channels, one more where that is below 90 % of it.

    >>> [scaled_channels(channels, 1.1) for channels in (16, 24, 40)]
    [16, 24, 48]
    """
    exact = channels * width
    nearest = max(MULTIPLE, int(exact + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return nearest if nearest >= 0.9 * exact else nearest + MULTIPLE


def scaled_blocks(blocks: int, depth: float) -> int:
    """`blocks * depth`, rounded up."""
    return math.ceil(blocks * depth)


class ConvolutionNorm(nn.Sequential):
    """A convolution without a bias, batch norm, and silu unless `linear`."""

    def __init__(
        self,
        config: EfficientNetConfig,
        channels: int,
        output: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__(
            nn.Conv2d(channels, output, kernel, stride, kernel // 2, groups=groups, bias=False),
            BatchNorm(output, eps=config.norm_eps, momentum=config.norm_momentum),
            *([] if linear else [nn.SiLU()]),
        )


class InvertedResidual(nn.Module):
    """Expands the channels, filters each by itself, gates them, and projects them to `output` channels."""

    def __init__(
        self, config: EfficientNetConfig, stage: Stage, channels: int, output: int, stride: int, drop: float
    ) -> None:
        super().__init__()
        inner = channels * stage.expansion
        self.adds = channels == output and stride == 1
        self.expand = ConvolutionNorm(config, channels, inner) if stage.expansion > 1 else nn.Identity()
        self.depthwise = ConvolutionNorm(config, inner, inner, stage.kernel, stride, groups=inner)
        self.gate = SqueezeExcitation(inner, max(1, channels // SQUEEZE))
        self.project = ConvolutionNorm(config, inner, output, linear=True)
        self.drop = StochasticDepth(drop)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B output h2 w2"]:
        y: Tensor = self.project(self.gate(self.depthwise(self.expand(x))))
        return x + self.drop(y) if self.adds else y


class EfficientNet(nn.Module):
    """Pixels to logits: `stages` returns the map of each stage, `forward` the logits."""

    def __init__(self, config: EfficientNetConfig, classes: int, channels: int) -> None:
        super().__init__()
        counts = [scaled_blocks(stage.blocks, config.depth_factor) for stage in config.stages]
        widths = [scaled_channels(stage.channels, config.width_factor) for stage in config.stages]
        width = scaled_channels(config.stem_channels, config.width_factor)
        self.stem = ConvolutionNorm(config, channels, width, 3, config.stem_stride)
        self.stages, number = nn.ModuleList(), 0
        for stage, count, output in zip(config.stages, counts, widths, strict=True):
            blocks = nn.Sequential()
            for place in range(count):
                drop = config.stochastic_depth * number / sum(counts)
                blocks.append(InvertedResidual(config, stage, width, output, stage.stride if place == 0 else 1, drop))
                width, number = output, number + 1
            self.stages.append(blocks)
        last = scaled_channels(config.last_channels, config.width_factor)
        self.last = ConvolutionNorm(config, width, last)
        self.drop = Dropout(config.dropout)
        self.head = FeatureClassHead(last, classes)
        initialise(self)

    def feature_maps(self, pixels: Float[Tensor, "B C h w"]) -> list[Tensor]:
        """The output of each stage."""
        x, maps = self.stem(pixels), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "B classes"]:
        features = self.last(self.feature_maps(pixels)[-1]).mean((2, 3))
        logits: Tensor = self.head(self.drop(features))
        return logits


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """Convolutions: normal with variance 2 / (kernel area * outputs / groups), as in the authors' code; biases are zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
