"""Named architectures. A preset is a function; it may derive from another."""

from collections.abc import Callable
from dataclasses import replace

from transduce.networks.config import TransformerConfig


def transformer_base() -> TransformerConfig:
    """The base model of Vaswani et al. 2017, table 3: 63 million parameters with a shared vocabulary of 37,000."""
    return TransformerConfig()


def transformer_big() -> TransformerConfig:
    """The big model of the same table: 214 million parameters with a shared vocabulary of 37,000."""
    return replace(transformer_base(), d_model=1024, heads=16, feed_forward=4096, dropout=0.3)


def transformer_small() -> TransformerConfig:
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


def transformer_tiny() -> TransformerConfig:
    """For tests and first tries: seconds, not quality."""
    return replace(transformer_small(), d_model=64, heads=4, feed_forward=128, encoder_layers=2, decoder_layers=2)


PRESETS: dict[str, Callable[[], TransformerConfig]] = {
    "transformer-base": transformer_base,
    "transformer-big": transformer_big,
    "transformer-small": transformer_small,
    "transformer-tiny": transformer_tiny,
}
