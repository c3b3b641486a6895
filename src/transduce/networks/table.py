"""Kinds of networks by name, as model folders and run files have them, and the presets of each."""

from collections.abc import Callable, Mapping

from transduce.networks.alexnet import AlexNetConfig
from transduce.networks.config import DecoderOnlyConfig, EncoderDecoderConfig, EncoderOnlyConfig
from transduce.networks.efficientnet import EfficientNetConfig
from transduce.networks.picture_config import PictureNetworkConfig
from transduce.networks.picture_presets import ALEXNET_PRESETS, EFFICIENTNET_PRESETS, VIT_PRESETS
from transduce.networks.presets import DECODER_ONLY_PRESETS, ENCODER_ONLY_PRESETS, PRESETS
from transduce.networks.series import SeriesGRUConfig, SeriesNetworkConfig, SeriesTransformerConfig
from transduce.networks.vit import ViTConfig

# one class for each signature of `build`
NetworkConfig = (
    EncoderDecoderConfig | DecoderOnlyConfig | EncoderOnlyConfig | PictureNetworkConfig | SeriesNetworkConfig
)

NETWORKS: dict[str, type[NetworkConfig]] = {
    "encoder-decoder": EncoderDecoderConfig,
    "decoder-only": DecoderOnlyConfig,
    "encoder-only": EncoderOnlyConfig,
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
    "alexnet": ALEXNET_PRESETS,
    "efficientnet": EFFICIENTNET_PRESETS,
    "vit": VIT_PRESETS,
}


def kind_of(network: object) -> str:
    """The kind of a network's config, "encoder-only", or the kind that it derives from; the name of its class where it
    derives from none.
    """
    return next((name for name, cls in NETWORKS.items() if isinstance(network, cls)), type(network).__name__)
