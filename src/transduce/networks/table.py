"""Kinds of networks by name, as model folders and run files have them, and the presets of each."""

from collections.abc import Callable, Mapping

from transduce.networks.alexnet import AlexNetConfig
from transduce.networks.config import DecoderOnlyConfig, EncoderDecoderConfig, EncoderOnlyConfig
from transduce.networks.convolutional import ConvolutionalConfig
from transduce.networks.efficientnet import EfficientNetConfig
from transduce.networks.layer_config import LayerConfig
from transduce.networks.picture_config import PictureNetworkConfig
from transduce.networks.picture_presets import ALEXNET_PRESETS, EFFICIENTNET_PRESETS, VIT_PRESETS
from transduce.networks.presets import (
    CONVOLUTIONAL_PRESETS,
    DECODER_ONLY_PRESETS,
    ENCODER_ONLY_PRESETS,
    PRESETS,
    RECURRENT_PRESETS,
)
from transduce.networks.recurrent import RecurrentConfig
from transduce.networks.series import SeriesGRUConfig, SeriesNetworkConfig, SeriesTransformerConfig
from transduce.networks.vit import ViTConfig

# one class for each signature of `build`
NetworkConfig = (
    EncoderDecoderConfig
    | RecurrentConfig
    | ConvolutionalConfig
    | DecoderOnlyConfig
    | EncoderOnlyConfig
    | PictureNetworkConfig
    | SeriesNetworkConfig
)

NETWORKS: dict[str, type[NetworkConfig]] = {
    "encoder-decoder": EncoderDecoderConfig,
    "decoder-only": DecoderOnlyConfig,
    "encoder-only": EncoderOnlyConfig,
    "recurrent": RecurrentConfig,
    "convolutional": ConvolutionalConfig,
    "alexnet": AlexNetConfig,
    "efficientnet": EfficientNetConfig,
    "vit": ViTConfig,
    "series-gru": SeriesGRUConfig,
    "series-transformer": SeriesTransformerConfig,
}

PRESETS_BY_KIND: dict[str, Mapping[str, Callable[[], NetworkConfig]]] = {
    "encoder-decoder": PRESETS,
    "decoder-only": DECODER_ONLY_PRESETS,
    "encoder-only": ENCODER_ONLY_PRESETS,
    "recurrent": RECURRENT_PRESETS,
    "convolutional": CONVOLUTIONAL_PRESETS,
    "alexnet": ALEXNET_PRESETS,
    "efficientnet": EFFICIENTNET_PRESETS,
    "vit": VIT_PRESETS,
}


def kind_of(network: object) -> str:
    """The kind of a network's config, "encoder-only", or the kind that it derives from; the name of its class where it
    derives from none.
    """
    return next((name for name, cls in NETWORKS.items() if isinstance(network, cls)), type(network).__name__)


def family_of(network: NetworkConfig) -> str:
    """Networks of one family have layers of one kind: "a Transformer", "a recurrent network", "an alexnet network"."""
    if isinstance(network, LayerConfig):
        return "a Transformer"
    kind = kind_of(network)
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} network"


def reads_tokens(kind: str) -> bool:
    """Whether networks of a built-in kind read tokens, not pictures or series."""
    return kind in NETWORKS and not issubclass(NETWORKS[kind], PictureNetworkConfig | SeriesNetworkConfig)


def preset_of_size(kind: str, size: str) -> str:
    """The name of a kind's preset of a size: tiny, small or base.

    >>> preset_of_size("recurrent", "small")
    'recurrent-small'
    """
    return next(name for name in PRESETS_BY_KIND[kind] if name.endswith(f"-{size}"))
