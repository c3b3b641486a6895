"""Kinds of networks by name, as model folders and run files have them, and the presets of each."""

from collections.abc import Callable, Mapping

from transduce.networks.config import DecoderOnlyConfig, EncoderDecoderConfig, EncoderOnlyConfig
from transduce.networks.convolutional import ConvolutionalConfig
from transduce.networks.layer_config import LayerConfig
from transduce.networks.presets import (
    CONVOLUTIONAL_PRESETS,
    DECODER_ONLY_PRESETS,
    ENCODER_ONLY_PRESETS,
    PRESETS,
    RECURRENT_PRESETS,
)
from transduce.networks.recurrent import RecurrentConfig

NetworkConfig = EncoderDecoderConfig | DecoderOnlyConfig | EncoderOnlyConfig | RecurrentConfig | ConvolutionalConfig

NETWORKS: dict[str, type[NetworkConfig]] = {
    "encoder-decoder": EncoderDecoderConfig,
    "decoder-only": DecoderOnlyConfig,
    "encoder-only": EncoderOnlyConfig,
    "recurrent": RecurrentConfig,
    "convolutional": ConvolutionalConfig,
}

PRESETS_BY_KIND: dict[str, Mapping[str, Callable[[], NetworkConfig]]] = {
    "encoder-decoder": PRESETS,
    "decoder-only": DECODER_ONLY_PRESETS,
    "encoder-only": ENCODER_ONLY_PRESETS,
    "recurrent": RECURRENT_PRESETS,
    "convolutional": CONVOLUTIONAL_PRESETS,
}


def kind_of(network: object) -> str:
    """The kind of a network's config, "encoder-only", or the kind that it derives from; the name of its class where it
    derives from none.
    """
    return next((name for name, cls in NETWORKS.items() if isinstance(network, cls)), type(network).__name__)


def family_of(network: NetworkConfig) -> str:
    """Networks of one family have layers of one kind: "Transformer", "recurrent network"."""
    return "Transformer" if isinstance(network, LayerConfig) else f"{kind_of(network)} network"


def preset_of_size(kind: str, size: str) -> str:
    """The name of a kind's preset of a size: tiny, small or base.

    >>> preset_of_size("recurrent", "small")
    'recurrent-small'
    """
    return next(name for name in PRESETS_BY_KIND[kind] if name.endswith(f"-{size}"))
