"""Configs of networks: frozen values that build a module. networks/table.py names them.

`stacks` names the stacks of layers of a network, in the order of the data, and for each the field with its number of layers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch import nn

from transduce.config import Fact
from transduce.networks.layer_config import CrossingDecoderAttention, DecoderAttention, EncoderAttention, LayerConfig
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.transformer import (
    CAUSAL_LAYERS,
    DECODER_LAYERS,
    DecoderOnly,
    EncoderDecoder,
    EncoderOnly,
    Stack,
)


@dataclass(frozen=True)
class EncoderDecoderConfig(LayerConfig, SourceToTargetConfig):
    """An encoder-decoder Transformer; the defaults are the base model of Vaswani et al. 2017, table 3."""

    encoder_layers: Annotated[int, "layers of the encoder", Fact(at_least=1, at_most=1_000, size=True)] = 6
    decoder_layers: Annotated[int, "layers of the decoder", Fact(at_least=1, at_most=1_000, size=True)] = 6
    tie_output: Annotated[bool, "the output map uses the target embeddings' weights"] = True
    encoder: Annotated[EncoderAttention, "attention of the encoder"] = EncoderAttention()
    decoder: Annotated[CrossingDecoderAttention, "attention of the decoder"] = CrossingDecoderAttention()

    stacks: ClassVar[Mapping[str, str]] = {"encoder": "encoder_layers", "decoder": "decoder_layers"}

    @property
    def longest_source(self) -> int | None:
        limits = (self.encoder.attention.longest_keys, self.decoder.cross_attention.longest_keys)
        return min((limit for limit in limits if limit is not None), default=None)

    def build(self, target_vocabulary: int, source_vocabulary: int | None = None) -> EncoderDecoder:
        """With fresh weights. `source_vocabulary=None`: both sides share one vocabulary and its embeddings."""
        encoder = Stack(self, self.encoder_layers, attention=self.encoder.attention)
        kinds = {"attention": self.decoder.attention, "cross_attention": self.decoder.cross_attention}
        decoder = Stack(self, self.decoder_layers, DECODER_LAYERS, **kinds)
        return EncoderDecoder(encoder, decoder, target_vocabulary, source_vocabulary, self.tie_output)


@dataclass(frozen=True)
class DecoderOnlyConfig(LayerConfig):
    """A language model: one causal stack."""

    layers: Annotated[int, "layers", Fact(at_least=1, at_most=1_000, size=True)] = 12
    tie_output: Annotated[bool, "the output map uses the embeddings' weights"] = True
    decoder: Annotated[DecoderAttention, "attention of the layers"] = DecoderAttention()

    stacks: ClassVar[Mapping[str, str]] = {"decoder": "layers"}

    def build(self, vocabulary: int) -> DecoderOnly:
        """With fresh weights."""
        decoder = Stack(self, self.layers, CAUSAL_LAYERS, attention=self.decoder.attention)
        return DecoderOnly(decoder, vocabulary, self.tie_output)


@dataclass(frozen=True)
class EncoderOnlyConfig(LayerConfig):
    """An encoder for classification and regression."""

    layers: Annotated[int, "layers", Fact(at_least=1, at_most=1_000, size=True)] = 12
    encoder: Annotated[EncoderAttention, "attention of the layers"] = EncoderAttention()

    stacks: ClassVar[Mapping[str, str]] = {"encoder": "layers"}

    def build(self, vocabulary: int, head: nn.Module | None = None) -> EncoderOnly:
        """With fresh weights; `head` is one of networks/heads.py, such as ClassHead(config.d_model, classes)."""
        return EncoderOnly(Stack(self, self.layers, attention=self.encoder.attention), vocabulary, head)
