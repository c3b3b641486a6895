"""Named picture networks. A preset is a function; it may derive from another.

`alexnet-mini`, `efficientnet-mini` and `vit-mini` are for pictures of 28 x 28 or 32 x 32 pixels and for processors without a GPU.
"""

import functools
from collections.abc import Callable
from dataclasses import replace

from transduce.networks.alexnet import ONE_COLUMN, AlexNetConfig, Convolution
from transduce.networks.efficientnet import EfficientNetConfig, Stage
from transduce.networks.vit import ViTConfig


def alexnet() -> AlexNetConfig:
    """Krizhevsky et al. 2012, in two columns, 224 or 227 pixels: 60,965,224 parameters for 1,000 classes."""
    return AlexNetConfig()


def alexnet_one_column() -> AlexNetConfig:
    """Krizhevsky 2014, 1404.5997, 224 pixels: 61,100,840 parameters for 1,000 classes."""
    return replace(alexnet(), convolutions=ONE_COLUMN)


def alexnet_mini() -> AlexNetConfig:
    """AlexNet's five convolutions and three linear layers for 28 to 32 pixels, with batch norm: 1.5 million parameters."""
    return AlexNetConfig(
        convolutions=(
            Convolution(64, 5, padding=2, norm="batch", pool=True),
            Convolution(128, norm="batch", pool=True),
            *[Convolution(192, norm="batch")] * 3,
        ),
        grid=3,
        hidden=(256, 256),
        dropout=0.3,
    )


# (width, depth, height of the pictures in pixels, dropout) of B0 to B7, from the authors' code
EFFICIENTNETS = (
    (1.0, 1.0, 224, 0.2),
    (1.0, 1.1, 240, 0.2),
    (1.1, 1.2, 260, 0.3),
    (1.2, 1.4, 300, 0.3),
    (1.4, 1.8, 380, 0.4),
    (1.6, 2.2, 456, 0.4),
    (1.8, 2.6, 528, 0.5),
    (2.0, 3.1, 600, 0.5),
)


def efficientnet(number: int) -> EfficientNetConfig:
    """A network of B0 to B7 (Tan and Le 2019, 1905.11946): B0 scaled in width and depth, for larger pictures each time."""
    width, depth, _, dropout = EFFICIENTNETS[number]
    return EfficientNetConfig(width_factor=width, depth_factor=depth, dropout=dropout)


def efficientnet_mini() -> EfficientNetConfig:
    """EfficientNet's blocks for 28 to 32 pixels: a stem without a stride, three stages, a last map of 7 to 8 pixels."""
    return EfficientNetConfig(
        stages=(Stage(1, 16, expansion=1), Stage(2, 24, expansion=4, stride=2), Stage(3, 48, expansion=4, stride=2)),
        stem_channels=16,
        stem_stride=1,
        last_channels=256,
        stochastic_depth=0.1,
        norm_momentum=0.1,
    )


def vit_base() -> ViTConfig:
    """ViT-B/16 (Dosovitskiy et al. 2020, 2010.11929): 86 million parameters."""
    return ViTConfig(dropout=0.0)


def vit_large() -> ViTConfig:
    """ViT-L/16 of the same table: 304 million parameters."""
    return replace(vit_base(), d_model=1024, heads=16, feed_forward=4096, layers=24)


def vit_small() -> ViTConfig:
    """ViT-S/16 (Touvron et al. 2020, 2012.12877): 22 million parameters."""
    return replace(vit_base(), d_model=384, heads=6, feed_forward=1536)


def vit_tiny() -> ViTConfig:
    """ViT-Ti/16 of the same table: 5.7 million parameters."""
    return replace(vit_base(), d_model=192, heads=3, feed_forward=768)


def vit_mini() -> ViTConfig:
    """A Vision Transformer for 28 to 32 pixels, with patches of 4 x 4 pixels: 0.5 million parameters."""
    return replace(vit_base(), d_model=96, heads=4, feed_forward=192, layers=6, patch=4, pool="mean", dropout=0.1)


ALEXNET_PRESETS: dict[str, Callable[[], AlexNetConfig]] = {
    "alexnet": alexnet,
    "alexnet-one-column": alexnet_one_column,
    "alexnet-mini": alexnet_mini,
}

EFFICIENTNET_PRESETS: dict[str, Callable[[], EfficientNetConfig]] = {
    **{f"efficientnet-b{number}": functools.partial(efficientnet, number) for number in range(len(EFFICIENTNETS))},
    "efficientnet-mini": efficientnet_mini,
}

VIT_PRESETS: dict[str, Callable[[], ViTConfig]] = {
    "vit-tiny": vit_tiny,
    "vit-small": vit_small,
    "vit-base": vit_base,
    "vit-large": vit_large,
    "vit-mini": vit_mini,
}

SMALL_PICTURE = 64  # pixels: up to this height the presets for 28 to 32 pixels suit pictures better than those for 224
# for small and for large pictures
PRESETS_BY_PICTURE: dict[str, tuple[str, str]] = {
    "alexnet": ("alexnet-mini", "alexnet-one-column"),
    "efficientnet": ("efficientnet-mini", "efficientnet-b0"),
    "vit": ("vit-mini", "vit-tiny"),
}

# (classes, channels, height in pixels) that each preset was designed for
PICTURES: dict[str, tuple[int, int, int]] = {
    **dict.fromkeys((*ALEXNET_PRESETS, *VIT_PRESETS), (1_000, 3, 224)),
    **{f"efficientnet-b{number}": (1_000, 3, size) for number, (_, _, size, _) in enumerate(EFFICIENTNETS)},
    **dict.fromkeys(("alexnet-mini", "efficientnet-mini", "vit-mini"), (10, 1, 28)),
}
