"""Named architectures of each kind of network. A preset is a function; it may derive from another."""

from collections.abc import Callable
from dataclasses import replace

from transduce.networks.config import DecoderOnlyConfig, EncoderDecoderConfig, EncoderOnlyConfig
from transduce.networks.convolutional import ConvolutionalConfig
from transduce.networks.recurrent import RecurrentConfig


def transformer_base() -> EncoderDecoderConfig:
    """The base model of Vaswani et al. 2017, table 3: 63 million parameters with a shared vocabulary of 37,000."""
    return EncoderDecoderConfig()


def transformer_big() -> EncoderDecoderConfig:
    """The big model of the same table: 214 million parameters with a shared vocabulary of 37,000."""
    return replace(transformer_base(), d_model=1024, heads=16, feed_forward=4096, dropout=0.3)


def transformer_small() -> EncoderDecoderConfig:
    """Half of base in every direction, pre-norm: for tens of thousands of pairs, or for a laptop."""
    return replace(
        transformer_base(),
        d_model=256,
        heads=4,
        feed_forward=1024,
        encoder_layers=4,
        decoder_layers=4,
        norm_placement="pre",
    )


def transformer_mini() -> EncoderDecoderConfig:
    """A quarter of base's width, 2 + 2 layers: learns words and short texts in a few minutes on a laptop."""
    return replace(transformer_small(), d_model=128, feed_forward=512, encoder_layers=2, decoder_layers=2)


def transformer_tiny() -> EncoderDecoderConfig:
    """For tests and first tries: seconds, not quality."""
    return replace(transformer_small(), d_model=64, heads=4, feed_forward=128, encoder_layers=2, decoder_layers=2)


def decoder_only_base() -> DecoderOnlyConfig:
    """A GPT of base's width: 12 layers, pre-norm, 57 million parameters with a vocabulary of 37,000."""
    return DecoderOnlyConfig(norm_placement="pre")


def decoder_only_big() -> DecoderOnlyConfig:
    """A GPT of big's width: 12 layers, 189 million parameters with a vocabulary of 37,000."""
    return replace(decoder_only_base(), d_model=1024, heads=16, feed_forward=4096, dropout=0.3)


def decoder_only_small() -> DecoderOnlyConfig:
    """8 layers of half of base's width: for some megabytes of text, or for a laptop."""
    return replace(decoder_only_base(), d_model=256, heads=4, feed_forward=1024, layers=8)


def decoder_only_mini() -> DecoderOnlyConfig:
    """4 layers of a quarter of base's width: for a few minutes on a laptop."""
    return replace(decoder_only_small(), d_model=128, feed_forward=512, layers=4)


def decoder_only_tiny() -> DecoderOnlyConfig:
    """For tests and first tries: seconds, not quality."""
    return replace(decoder_only_small(), d_model=64, heads=4, feed_forward=128, layers=2)


def encoder_only_base() -> EncoderOnlyConfig:
    """An encoder of base's size: 6 layers, pre-norm, 38 million parameters with a vocabulary of 37,000."""
    return EncoderOnlyConfig(layers=6, norm_placement="pre")


def encoder_only_big() -> EncoderOnlyConfig:
    """An encoder of big's size: 6 layers, 113 million parameters with a vocabulary of 37,000."""
    return replace(encoder_only_base(), d_model=1024, heads=16, feed_forward=4096, dropout=0.3)


def encoder_only_small() -> EncoderOnlyConfig:
    """4 layers of half of base's width: for tens of thousands of examples, or for a laptop."""
    return replace(encoder_only_base(), d_model=256, heads=4, feed_forward=1024, layers=4)


def encoder_only_mini() -> EncoderOnlyConfig:
    """2 layers of a quarter of base's width: for a few minutes on a laptop."""
    return replace(encoder_only_small(), d_model=128, feed_forward=512, layers=2)


def encoder_only_tiny() -> EncoderOnlyConfig:
    """For tests and first tries: seconds, not quality."""
    return replace(encoder_only_small(), d_model=64, heads=4, feed_forward=128, layers=2)


def recurrent_base() -> RecurrentConfig:
    """Two layers of LSTM cells on each side, the width of Toshniwal and Livescu's (2016) and of base."""
    return RecurrentConfig()


def recurrent_small() -> RecurrentConfig:
    """Half of base's width: for tens of thousands of pairs, or for a laptop."""
    return replace(recurrent_base(), d_model=256)


def recurrent_mini() -> RecurrentConfig:
    """One layer of a quarter of base's width: for a few minutes on a laptop."""
    return replace(recurrent_base(), d_model=128, encoder_layers=1, decoder_layers=1)


def recurrent_tiny() -> RecurrentConfig:
    """For tests and first tries: seconds, not quality."""
    return replace(recurrent_base(), d_model=64, encoder_layers=1, decoder_layers=1)


def convolutional_base() -> ConvolutionalConfig:
    """8 + 6 blocks of 512 features: about half of the depth of Gehring et al. 2017."""
    return ConvolutionalConfig()


def convolutional_small() -> ConvolutionalConfig:
    """4 + 3 blocks of half of base's width: for tens of thousands of pairs, or for a laptop."""
    return replace(convolutional_base(), d_model=256, encoder_layers=4, decoder_layers=3)


def convolutional_mini() -> ConvolutionalConfig:
    """2 + 2 blocks of a quarter of base's width: for a few minutes on a laptop."""
    return replace(convolutional_base(), d_model=128, encoder_layers=2, decoder_layers=2)


def convolutional_tiny() -> ConvolutionalConfig:
    """For tests and first tries: seconds, not quality."""
    return replace(convolutional_base(), d_model=64, encoder_layers=2, decoder_layers=2)


PRESETS: dict[str, Callable[[], EncoderDecoderConfig]] = {
    "transformer-base": transformer_base,
    "transformer-big": transformer_big,
    "transformer-small": transformer_small,
    "transformer-mini": transformer_mini,
    "transformer-tiny": transformer_tiny,
}

DECODER_ONLY_PRESETS: dict[str, Callable[[], DecoderOnlyConfig]] = {
    "transformer-base": decoder_only_base,
    "transformer-big": decoder_only_big,
    "transformer-small": decoder_only_small,
    "transformer-mini": decoder_only_mini,
    "transformer-tiny": decoder_only_tiny,
}

ENCODER_ONLY_PRESETS: dict[str, Callable[[], EncoderOnlyConfig]] = {
    "transformer-base": encoder_only_base,
    "transformer-big": encoder_only_big,
    "transformer-small": encoder_only_small,
    "transformer-mini": encoder_only_mini,
    "transformer-tiny": encoder_only_tiny,
}

RECURRENT_PRESETS: dict[str, Callable[[], RecurrentConfig]] = {
    "recurrent-base": recurrent_base,
    "recurrent-small": recurrent_small,
    "recurrent-mini": recurrent_mini,
    "recurrent-tiny": recurrent_tiny,
}

CONVOLUTIONAL_PRESETS: dict[str, Callable[[], ConvolutionalConfig]] = {
    "convolutional-base": convolutional_base,
    "convolutional-small": convolutional_small,
    "convolutional-mini": convolutional_mini,
    "convolutional-tiny": convolutional_tiny,
}
