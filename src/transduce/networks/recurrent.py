"""Recurrent encoder-decoders with attention, as Bahdanau et al. 2014 (1409.0473) and Luong et al. 2015 (1508.04025) wire them.

    encoder     LSTM or GRU layers over the source, in one direction or both; their last states are the memory
    bridge      the encoder's last state gives the decoder's first: tanh(W h)
    decoder     LSTM or GRU layers over the target, and attention over the memory

The carry of a row holds the attention weights of its last step (N, S), the hidden state of its last step (N, D), and the
states of its cells, (N, D) each: h and c of each layer of LSTM cells, h of each layer of GRU cells.

Letters: B sentences, K beams, N = B K rows, S source tokens, T target tokens, D width of the model, X width of an input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce import config
from transduce.attention.cache import Lengths
from transduce.attention.positions import NoPositions, PositionEncoding, Positions
from transduce.config import Fact
from transduce.layers.dropout import Dropout
from transduce.layers.initialise import xavier_linear
from transduce.networks.cells import CellName, Cells, CellState, Encoder
from transduce.networks.recurrent_attention import (
    ATTENTIONS,
    AdditiveAttention,
    AttentionPart,
    Before,
    SourceAttention,
)
from transduce.networks.source_to_target import (
    Carry,
    SourceMemory,
    SourceToTarget,
    SourceToTargetConfig,
    Steps,
    by_sentence,
)
from transduce.networks.token_embedding import TokenEmbedding


class Decoder(nn.Module):
    """Cells and attention; a subclass wires them. The first layer reads `inputs` vectors of D features side by side."""

    def __init__(self, config: "RecurrentConfig", inputs: int) -> None:
        super().__init__()
        width, layers = config.d_model, config.decoder_layers
        self.attention: SourceAttention = config.attention.source_attention(width)
        self.state_size = 2 if config.cell == "lstm" else 1
        self.layers = nn.ModuleList(
            Cells(config.cell, inputs * width if number == 0 else width, width) for number in range(layers)
        )
        self.bridge = xavier_linear(width, layers * self.state_size * width)
        self.drop = Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "N T D"], memory: SourceMemory, carry: Carry) -> Steps:
        raise NotImplementedError

    def first_carry(self, memory: SourceMemory, last: Float[Tensor, "B D"]) -> Carry:
        """Before the first token: cell states by the bridge, all attention on source token 0, a hidden state of zeros."""
        rows, width = last.shape
        weights = last.new_zeros(rows, memory.keys.shape[1])
        weights[:, 0] = 1.0
        cells = torch.tanh(self.bridge(last)).split(width, -1)
        return Carry((weights, torch.zeros_like(last), *cells), Lengths.zeros(rows, last.device))

    def cells(self, x: Float[Tensor, "N T X"], cells: CellState) -> tuple[Float[Tensor, "N T D"], CellState]:
        """The layers, with dropout between them; `cells` holds the states of all of them."""
        after: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            own = cells[number * self.state_size : (number + 1) * self.state_size]
            x, state = layer(self.drop(x) if number else x, own)
            after += state
        return x, tuple(after)

    def attend(
        self, queries: Float[Tensor, "N T D"], memory: SourceMemory, before: Float[Tensor, "N S"], lengths: Lengths
    ) -> tuple[Float[Tensor, "N T D"], Float[Tensor, "N T S"]]:
        """The context of each query, which is the weighted sum of the encoder's states, and the weights."""
        places = lengths.rows[:, None] + torch.arange(queries.shape[1], device=queries.device)
        sentences = len(memory.keys)
        state = Before(before.unflatten(0, (sentences, -1)), places.unflatten(0, (sentences, -1)))
        weights: Tensor = self.attention(by_sentence(queries, memory), memory, state)  # (B, K, T, S)
        context = weights.flatten(1, 2) @ memory.values  # (B, K T, D)
        return context.view_as(queries), weights.flatten(0, 1)


class LuongDecoder(Decoder):
    """Attention from the state after the step: h = cells(x), c = attend(h), hidden = tanh(W [c; h]).

    All steps go through the cells at once, then through one call of the attention.
    """

    def __init__(self, config: "RecurrentConfig", inputs: int = 1) -> None:
        super().__init__(config, inputs)
        self.to_hidden = xavier_linear(2 * config.d_model, config.d_model, bias=False)

    def forward(self, x: Float[Tensor, "N T D"], memory: SourceMemory, carry: Carry) -> Steps:
        before, cells = carry.tensors[0], carry.tensors[2:]
        states, after = self.cells(x, cells)
        context, weights = self.attend(states, memory, before, carry.lengths)
        hidden = self.drop(torch.tanh(self.to_hidden(torch.cat([context, states], -1))))
        tensors = (weights[:, -1], hidden[:, -1], *after)
        return Steps(hidden, weights[None], Carry(tensors, carry.lengths.plus(x.shape[1])))


class InputFeedingDecoder(LuongDecoder):
    """The same, and each step reads the hidden state of the step before it beside its token (Luong et al. 2015, 3.3)."""

    def __init__(self, config: "RecurrentConfig") -> None:
        super().__init__(config, inputs=2)

    def forward(self, x: Float[Tensor, "N T D"], memory: SourceMemory, carry: Carry) -> Steps:
        hidden, weights = [], []
        for token in x.split(1, dim=1):
            fed = carry.tensors[1][:, None]
            steps = super().forward(torch.cat([token, fed], -1), memory, carry)
            carry = steps.carry
            hidden.append(steps.hidden)
            weights.append(steps.weights)
        return Steps(torch.cat(hidden, 1), torch.cat(weights, 2), carry)


class BahdanauDecoder(Decoder):
    """Attention from the state before the step: c = attend(h of the last layer), h = cells([x; c]).

    hidden = tanh(W [h; c; x]), where the paper has a maxout layer over the same three.
    """

    def __init__(self, config: "RecurrentConfig") -> None:
        super().__init__(config, inputs=2)
        self.to_hidden = xavier_linear(3 * config.d_model, config.d_model, bias=False)

    def forward(self, x: Float[Tensor, "N T D"], memory: SourceMemory, carry: Carry) -> Steps:
        (before, _), cells, lengths = carry.tensors[:2], carry.tensors[2:], carry.lengths
        states: list[Tensor] = []
        contexts: list[Tensor] = []
        weights: list[Tensor] = []
        for token in x.split(1, dim=1):
            query = cells[-self.state_size][:, None]  # h of the last layer
            context, own = self.attend(query, memory, before, lengths)
            state, cells = self.cells(torch.cat([token, context], -1), cells)
            before, lengths = own[:, 0], lengths.plus(1)
            states.append(state)
            contexts.append(context)
            weights.append(own)
        parts = torch.cat([torch.cat(states, 1), torch.cat(contexts, 1), x], -1)
        hidden = self.drop(torch.tanh(self.to_hidden(parts)))
        return Steps(hidden, torch.cat(weights, 1)[None], Carry((before, hidden[:, -1], *cells), lengths))


class Recurrent(SourceToTarget):
    """Turns source and target ids into a hidden state for each target token; `head` predicts the next token from it."""

    def __init__(self, config: "RecurrentConfig", target_vocabulary: int, source_vocabulary: int | None = None) -> None:
        source_embedding = None if source_vocabulary is None else TokenEmbedding(config, source_vocabulary)
        super().__init__(TokenEmbedding(config, target_vocabulary), source_embedding, config.tie_output)
        self.encoder = Encoder(config.cell, config.d_model, config.encoder_layers, config.bidirectional, config.dropout)
        self.decoder = config.wiring.decoder(config)

    @property
    def attention_count(self) -> int:
        return 1

    def encode(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> tuple[SourceMemory, Carry]:
        embedded = self.source_embedding(source, Positions.first(source.shape[1], source.device))
        states, last = self.encoder(embedded, lengths)
        memory = SourceMemory.of(self.decoder.attention.keys(states), states, lengths)
        return memory, self.decoder.first_carry(memory, last)

    def decode(self, tokens: Int[Tensor, "N T"], memory: SourceMemory, carry: Carry) -> Steps:
        embedded = self.target_embedding(tokens, Positions.first(tokens.shape[1], tokens.device))
        steps: Steps = self.decoder(embedded, memory, carry)
        return steps


@runtime_checkable
class Wiring(Protocol):
    """Builds the decoder: where attention stands between the cells."""

    def decoder(self, config: "RecurrentConfig") -> Decoder: ...


@dataclass(frozen=True)
class Luong:
    """Attention after the cells (Luong et al. 2015, 1508.04025). Without input feeding training is several times faster."""

    input_feeding: Annotated[
        bool, "each step reads the hidden state of the step before; training goes step by step"
    ] = False

    def decoder(self, config: "RecurrentConfig") -> Decoder:
        return InputFeedingDecoder(config) if self.input_feeding else LuongDecoder(config)


@dataclass(frozen=True)
class Bahdanau:
    """Attention before the cells, which read its context (Bahdanau et al. 2014, 1409.0473). Training goes step by step."""

    def decoder(self, config: "RecurrentConfig") -> Decoder:
        return BahdanauDecoder(config)


WIRINGS: dict[str, type[Wiring]] = {"luong": Luong, "bahdanau": Bahdanau}


@dataclass(frozen=True)
class RecurrentConfig(SourceToTargetConfig):
    """A recurrent encoder-decoder with attention over the source."""

    d_model: Annotated[int, "width of the model", Fact(at_least=1, at_most=65_536, size=True)] = 512
    encoder_layers: Annotated[int, "layers of the encoder", Fact(at_least=1, at_most=1_000, size=True)] = 2
    decoder_layers: Annotated[int, "layers of the decoder", Fact(at_least=1, at_most=1_000, size=True)] = 2
    cell: Annotated[CellName, "cells of encoder and decoder"] = "lstm"
    bidirectional: Annotated[bool, "the encoder reads in both directions, with d-model / 2 cells in each"] = True
    attention: Annotated[AttentionPart, "how a decoder state weighs the source tokens", ATTENTIONS] = (
        AdditiveAttention()
    )
    wiring: Annotated[Wiring, "where attention stands in the decoder", WIRINGS] = Luong()
    dropout: Annotated[
        float,
        "share of the embeddings, of the states between layers and of the hidden states dropped in training",
        Fact(at_least=0, below=1, free=True, automatic=True, noise=True),
    ] = 0.2
    tie_output: Annotated[bool, "the output map uses the target embeddings' weights"] = True

    stacks: ClassVar[Mapping[str, str]] = {"encoder": "encoder_layers", "decoder": "decoder_layers"}
    positions: ClassVar[PositionEncoding] = NoPositions()  # cells know the order of their tokens

    def __post_init__(self) -> None:
        config.check(self)
        if self.bidirectional and self.d_model % 2:
            raise ValueError(
                f"d-model must be even with bidirectional = true, half of it for each direction, found {self.d_model}"
            )

    @property
    def longest_source(self) -> int | None:
        # a part of the caller's own need not have it
        longest: int | None = getattr(self.attention, "longest_source", None)
        return longest

    @property
    def details(self) -> str:
        """For messages: "lstm cells, attention additive, wiring luong"."""
        attention, wiring = _name(ATTENTIONS, self.attention), _name(WIRINGS, self.wiring)
        return f"{self.cell} cells, attention {attention}, wiring {wiring}"

    def build(self, target_vocabulary: int, source_vocabulary: int | None = None) -> Recurrent:
        """With fresh weights. `source_vocabulary=None`: both sides share one vocabulary and its embeddings."""
        return Recurrent(self, target_vocabulary, source_vocabulary)


def _name(table: Mapping[str, type], part: object) -> str:
    """The name of a part in its table; that of its class where it is in none."""
    return next((name for name, cls in table.items() if cls is type(part)), type(part).__name__)
