"""Convolutional encoder-decoders with attention in every decoder layer (ConvS2S, Gehring et al. 2017, 1705.03122).

    embedding       tokens plus learned places
    block           h + GLU(convolution(h)), times sqrt(1/2): a sum of two parts has twice their variance
    attention l     d = W h + b + g;  a = softmax(d . z);  c = sum a (z + e);  h + c       (g, e: embeddings of target, source)

z is the encoder's output. A convolution over k inputs of the decoder reads the last k - 1 inputs from the carry: zeros before
the first token. The carry of a row holds those inputs of each layer, (N, k - 1, D).

Letters: B sentences, N rows, S source tokens, T target tokens, D width of the model, K width of a kernel, M decoder layers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from transduce import config
from transduce.attention.attend import attention_weights
from transduce.attention.cache import Lengths
from transduce.attention.positions import NoPositions, PositionEncoding, Positions
from transduce.attention.scores import ScaledDotProduct
from transduce.config import Fact
from transduce.layers.dropout import Dropout, dropout
from transduce.networks.source_to_target import (
    Carry,
    SourceMemory,
    SourceToTarget,
    SourceToTargetConfig,
    Steps,
    by_sentence,
)
from transduce.networks.token_embedding import TokenEmbedding

HALF = math.sqrt(0.5)
EMBEDDING_DEVIATION = 0.1


class PlacedEmbedding(TokenEmbedding):
    """token + place, then dropout. ValueError for a row longer than `places`.

    Embeddings begin with the standard deviation 0.1, as in the paper: the products d . z, which nothing divides by sqrt(D), are
    then small, and attention begins nearly uniform.
    """

    def __init__(self, config: "ConvolutionalConfig", vocabulary: int) -> None:
        super().__init__(config, vocabulary)
        self.scale = 1.0
        self.places = nn.Embedding(config.places, config.d_model)
        nn.init.normal_(self.places.weight, std=EMBEDDING_DEVIATION)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=EMBEDDING_DEVIATION)

    def forward(self, ids: Int[Tensor, "N T"], positions: Positions) -> Float[Tensor, "N T D"]:  # type: ignore[override]
        if positions.end > self.places.num_embeddings:
            raise ValueError(
                f"a convolutional network with model.places = {self.places.num_embeddings} found a row of {positions.end} "
                "tokens: build it with more places, or shorten the text"
            )
        embedded: Tensor = self.drop(self.scaled(ids) + self.places(positions.index))
        return embedded


class Block(nn.Module):
    """GLU(convolution(dropout(x))) for x that is padded already: K + T - 1 inputs give T outputs.

    Weights begin with the variance 4 (1 - dropout) / (K D), which keeps the variance of the outputs that of the inputs: a gate
    lets about a quarter of the variance pass, dropout raises it. With `normed` a weight is gain * direction / |direction|, a
    gain for each output feature (Salimans and Kingma 2016, 1602.07868).
    """

    def __init__(self, width: int, kernel: int, share: float, normed: bool) -> None:
        super().__init__()
        convolution = nn.Conv1d(width, 2 * width, kernel)
        nn.init.normal_(convolution.weight, std=math.sqrt(4 * (1 - share) / (kernel * width)))
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)
        self.convolution = weight_norm(convolution, dim=0) if normed else convolution
        self.drop = Dropout(share)

    def forward(self, x: Float[Tensor, "N X D"]) -> Float[Tensor, "N T D"]:
        gated = F.glu(self.convolution(self.drop(x).transpose(1, 2)), dim=1)  # (N, D, X) -> (N, 2 D, T) -> (N, D, T)
        return gated.transpose(1, 2)


class SourceStep(nn.Module):
    """One step of the multi-step attention: a query from the layer's output and the target embedding."""

    def __init__(self, width: int, normed: bool) -> None:
        super().__init__()
        self.to_query = linear(width, normed)

    def forward(
        self, x: Float[Tensor, "N T D"], embedded: Float[Tensor, "N T D"], memory: SourceMemory
    ) -> tuple[Float[Tensor, "N T D"], Float[Tensor, "N T S"]]:
        """The context of each target token, and the weights."""
        query = HALF * (self.to_query(x) + embedded)
        folded = by_sentence(query, memory).flatten(1, 2)[:, None]  # (B, 1, K T, D)
        weights = attention_weights(folded, memory.keys[:, None], memory.mask, score=ScaledDotProduct(1.0))[:, 0]
        # at equal weights a mean over S values has 1 / S of their variance: the factor S sqrt(1/S) = sqrt(S) undoes that
        lengths = memory.mask.allowed.sum(-1)[:, 0]  # (B, 1)
        context = lengths.to(weights.dtype).sqrt()[..., None] * (weights @ memory.values)
        return context.view_as(x), weights.reshape(*x.shape[:2], -1)


class Encoder(nn.Module):
    """Blocks over the source, half of a kernel on each side; inputs at padding are zeros, as they are beyond the ends."""

    def __init__(self, config: "ConvolutionalConfig") -> None:
        super().__init__()
        self.blocks = nn.ModuleList(config.block() for _ in range(config.encoder_layers))
        self.side = config.kernel // 2

    def forward(self, x: Float[Tensor, "B S D"], within: Bool[Tensor, "B S 1"]) -> Float[Tensor, "B S D"]:
        for block in self.blocks:
            x = x * within
            x = HALF * (x + block(F.pad(x, (0, 0, self.side, self.side))))
        return x


class Decoder(nn.Module):
    """Blocks over the target, each followed by attention over the source."""

    def __init__(self, config: "ConvolutionalConfig") -> None:
        super().__init__()
        self.blocks = nn.ModuleList(config.block() for _ in range(config.decoder_layers))
        self.attentions = nn.ModuleList(
            SourceStep(config.d_model, config.weight_norm) for _ in range(config.decoder_layers)
        )
        self.to_hidden = linear(config.d_model, config.weight_norm)
        self.share = config.dropout
        self.inputs = config.kernel - 1

    def first_carry(self, memory: SourceMemory) -> Carry:
        """Zeros before the first token."""
        rows, _, width = memory.values.shape
        inputs = memory.values.new_zeros(rows, self.inputs, width)
        return Carry(tuple(inputs for _ in self.blocks), Lengths.zeros(rows, inputs.device))

    def forward(self, embedded: Float[Tensor, "N T D"], memory: SourceMemory, carry: Carry) -> Steps:
        x, inputs, weights = embedded, [], []
        for block, attention, earlier in zip(self.blocks, self.attentions, carry.tensors, strict=True):
            read = torch.cat([earlier, x], 1)  # K - 1 earlier inputs and T new ones
            inputs.append(read[:, read.shape[1] - self.inputs :])
            gated = block(read)
            context, own = attention(gated, embedded, memory)
            x = HALF * (x + HALF * (gated + context))
            weights.append(own)
        hidden = dropout(self.to_hidden(x), self.share, self.training)
        return Steps(hidden, torch.stack(weights), Carry(tuple(inputs), carry.lengths.plus(x.shape[1])))


def linear(width: int, normed: bool) -> nn.Linear:
    """Weights of the variance 1 / D, so that outputs have the variance of the inputs; biases are zero."""
    layer = nn.Linear(width, width)
    nn.init.normal_(layer.weight, std=math.sqrt(1 / width))
    nn.init.zeros_(layer.bias)
    return weight_norm(layer, dim=0) if normed else layer


def scaled_gradient(x: Float[Tensor, "*B"], factor: float) -> Float[Tensor, "*B"]:
    """x itself, whose gradient is multiplied by `factor`."""
    return factor * x + (1 - factor) * x.detach()


class Convolutional(SourceToTarget):
    """Turns source and target ids into a hidden state for each target token; `head` predicts the next token from it."""

    def __init__(
        self, config: "ConvolutionalConfig", target_vocabulary: int, source_vocabulary: int | None = None
    ) -> None:
        source_embedding = None if source_vocabulary is None else PlacedEmbedding(config, source_vocabulary)
        super().__init__(PlacedEmbedding(config, target_vocabulary), source_embedding, config.tie_output)
        self.encoder, self.decoder = Encoder(config), Decoder(config)

    @property
    def attention_count(self) -> int:
        return len(self.decoder.attentions)

    def encode(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> tuple[SourceMemory, Carry]:
        embedded = self.source_embedding(source, Positions.first(source.shape[1], source.device))
        within = (torch.arange(source.shape[1], device=source.device) < lengths[:, None])[..., None]
        # The keys and the values of each attention send a gradient back: their number divides the sum, so that the encoder
        # learns at the pace of the decoder (section 3.5). The embeddings e in the values get the whole gradient.
        output = scaled_gradient(self.encoder(embedded, within), 1 / (2 * self.attention_count))
        memory = SourceMemory.of(output, HALF * (output + embedded), lengths)
        return memory, self.decoder.first_carry(memory)

    def decode(self, tokens: Int[Tensor, "N T"], memory: SourceMemory, carry: Carry) -> Steps:
        embedded = self.target_embedding(tokens, carry.lengths.next_positions(tokens.shape[1]))
        steps: Steps = self.decoder(embedded, memory, carry)
        return steps


@dataclass(frozen=True)
class ConvolutionalConfig(SourceToTargetConfig):
    """A convolutional encoder-decoder with attention in every decoder layer (Gehring et al. 2017)."""

    d_model: Annotated[int, "width of the model", Fact(at_least=1, at_most=65_536, size=True)] = 512
    encoder_layers: Annotated[int, "layers of the encoder", Fact(at_least=1, at_most=1_000, size=True)] = 8
    decoder_layers: Annotated[int, "layers of the decoder", Fact(at_least=1, at_most=1_000, size=True)] = 6
    kernel: Annotated[
        int, "inputs that a convolution reads at a time; an odd number", Fact(at_least=1, at_most=1_001, size=True)
    ] = 3
    places: Annotated[
        int, "tokens of the longest source or target; places are learnt", Fact(at_least=2, at_most=1_000_000, size=True)
    ] = 1024
    weight_norm: Annotated[bool, "gain and direction of the weights are learnt apart, as in the paper"] = True
    dropout: Annotated[
        float,
        "share of the embeddings, of the blocks' inputs and of the hidden states dropped in training",
        Fact(at_least=0, below=1, free=True, automatic=True, noise=True),
    ] = 0.2
    tie_output: Annotated[bool, "the output map uses the target embeddings' weights"] = True

    stacks: ClassVar[Mapping[str, str]] = {"encoder": "encoder_layers", "decoder": "decoder_layers"}
    positions: ClassVar[PositionEncoding] = NoPositions()  # PlacedEmbedding has learnt ones

    def __post_init__(self) -> None:
        config.check(self)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, the same number of inputs on each side, found {self.kernel}")

    @property
    def longest_source(self) -> int:
        return self.places

    @property
    def longest_target(self) -> int:
        return self.places

    def block(self) -> Block:
        return Block(self.d_model, self.kernel, self.dropout, self.weight_norm)

    @property
    def details(self) -> str:
        """For messages: "kernels 3 wide"."""
        return f"kernels {self.kernel} wide"

    def build(self, target_vocabulary: int, source_vocabulary: int | None = None) -> Convolutional:
        """With fresh weights. `source_vocabulary=None`: both sides share one vocabulary and its embeddings."""
        return Convolutional(self, target_vocabulary, source_vocabulary)
