"""The decoding protocol for Transformers: the state holds memory keys and values per sentence, a cache per beam.

Letters: B sentences, K beams, N = B K rows, R sentences, T new tokens, S source tokens, V vocabulary.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.cache import Cache, MemoryCache
from transduce.attention.multihead import CrossCall
from transduce.decoding.protocol import Padded
from transduce.networks.carry_decoding import CarryDecoding
from transduce.networks.source_to_target import SourceToTarget
from transduce.networks.transformer import DecoderOnly, EncoderDecoder


@dataclass(frozen=True)
class State:
    """The tokens so far, as a step needs them. Steps write into the cache: use a state once, then its successor.

    memory: None with a decoder-only network.
    calls: those of the last step, or of the prompts, to the memory in each layer; none after other operations.
    """

    cache: Cache
    sentences: int
    memory: MemoryCache | None = None
    calls: tuple[CrossCall, ...] = ()


class _Decoding:
    """The operations that the networks share."""

    network: EncoderDecoder | DecoderOnly

    @property
    def training(self) -> bool:
        """Whether the network is in training mode, in which it must not decode."""
        return self.network.training

    def _advance(self, tokens: Int[Tensor, "N T"], state: State) -> tuple[Float[Tensor, "N T D"], State]:
        raise NotImplementedError

    def _read(self, prompts: Padded, state: State) -> State:
        """The state after all but the last token of each prompt."""
        if prompts.tokens.shape[1] > 1:
            _, state = self._advance(prompts.tokens[:, :-1], state)
        return replace(state, cache=state.cache.truncate(prompts.lengths - 1))

    @torch.no_grad()
    def step(self, tokens: Int[Tensor, "B K T"], state: State) -> tuple[Float[Tensor, "B K T V"], State]:
        """Logits after each of T further tokens of every beam."""
        hidden, state = self._advance(tokens.flatten(0, 1), state)
        return self.network.head.logits(hidden).unflatten(0, tokens.shape[:2]), state

    @torch.no_grad()
    def reorder(self, state: State, beams: Int[Tensor, "B K"]) -> State:
        """New beam k of sentence b continues old beam beams[b, k]; the number of beams may change."""
        before = len(state.cache.lengths.rows) // len(beams)
        rows = (torch.arange(len(beams), device=beams.device)[:, None] * before + beams).flatten()
        return State(state.cache.select(rows), state.sentences, state.memory)

    @torch.no_grad()
    def select(self, state: State, rows: Int[Tensor, " R"]) -> State:
        """Only the sentences `rows`, in that order."""
        beams = len(state.cache.lengths.rows) // state.sentences
        own = (rows[:, None] * beams + torch.arange(beams, device=rows.device)).flatten()
        memory = None if state.memory is None else state.memory.select(rows)
        return State(state.cache.select(own), len(rows), memory)

    @torch.no_grad()
    def join(self, state: State, other: State) -> State:
        """The sentences of both, those of `state` first; both have the same number of beams."""
        memory = state.memory
        if memory is not None and other.memory is not None:
            memory = memory.join(other.memory)
        return State(state.cache.join(other.cache), state.sentences + other.sentences, memory)

    @torch.no_grad()
    def truncate(self, state: State, lengths: Int[Tensor, "B K"]) -> State:
        """Each beam without its tokens from its new length on."""
        return State(state.cache.truncate(lengths.flatten()), state.sentences, state.memory)


class TransformerDecoding(_Decoding):
    """The decoding protocol for an EncoderDecoder."""

    network: EncoderDecoder

    def __init__(self, network: EncoderDecoder) -> None:
        self.network = network

    @torch.no_grad()
    def start(self, inputs: Padded | None, prompts: Padded) -> State:
        """Reads the inputs, and all but the last token of each prompt."""
        if inputs is None:
            raise ValueError("an encoder-decoder needs inputs, found none: give each request its source")
        memory = self.network.memory_cache(self.network.encode(inputs.tokens, inputs.lengths))
        sentences = len(inputs.tokens)
        return self._read(prompts, State(self.network.empty_cache(sentences), sentences, memory))

    def _advance(self, tokens: Int[Tensor, "N T"], state: State) -> tuple[Float[Tensor, "N T D"], State]:
        assert state.memory is not None
        calls: list[CrossCall] = []
        hidden, cache = self.network.decode(tokens, replace(state.memory, calls=calls), state.cache)
        assert cache is not None
        return hidden, replace(state, cache=cache, calls=tuple(calls))

    @torch.no_grad()
    def attended(self, state: State) -> Float[Tensor, "B K T S"]:
        """The cross-attention of the tokens that `step` or `start` has just read, as a mean over layers and heads.

        The state has the calls to the memory; the weights are computed here, on request.
        """
        assert state.calls and state.memory is not None, "only the state of a step or of prompts has calls"
        layers = zip(self.network.cross_attentions, state.calls, state.memory.keys, strict=True)
        weights = [attention.weights_of(call, keys).float().mean(1) for attention, call, keys in layers]
        beams = len(state.cache.lengths.rows) // state.sentences
        mean: Tensor = torch.stack(weights).mean(0).unflatten(1, (beams, -1))
        return mean  # (B, K T, S) -> (B, K, T, S)


class DecoderOnlyDecoding(_Decoding):
    """The decoding protocol for a DecoderOnly."""

    network: DecoderOnly

    def __init__(self, network: DecoderOnly) -> None:
        self.network = network

    @torch.no_grad()
    def start(self, inputs: Padded | None, prompts: Padded) -> State:
        """Reads all but the last token of each prompt."""
        if inputs is not None:
            raise ValueError("a decoder-only network takes no inputs beside the prompt: put them into the prompt")
        sentences = len(prompts.tokens)
        return self._read(prompts, State(self.network.empty_cache(sentences), sentences))

    def _advance(self, tokens: Int[Tensor, "N T"], state: State) -> tuple[Float[Tensor, "N T D"], State]:
        hidden, cache = self.network.decode(tokens, state.cache)
        assert cache is not None
        return hidden, replace(state, cache=cache, calls=())


def decodable(network: nn.Module) -> TransformerDecoding | DecoderOnlyDecoding | CarryDecoding:
    """The decoding protocol for a network. ValueError for one that does not decode."""
    if isinstance(network, EncoderDecoder):
        return TransformerDecoding(network)
    if isinstance(network, DecoderOnly):
        return DecoderOnlyDecoding(network)
    if isinstance(network, SourceToTarget):
        return CarryDecoding(network)
    raise ValueError(f"a network of class {type(network).__name__} does not decode: it generates no text")


def decodes(network: nn.Module) -> bool:
    """Whether a network generates text."""
    return isinstance(network, EncoderDecoder | DecoderOnly | SourceToTarget)
