"""Step-by-step decoding with an encoder-decoder: the state holds memory keys and values per sentence, a cache per beam.

Letters: B sentences, K beams, N = B K rows, T new tokens, S source tokens, D width of the model, H heads, E width of a
head, V vocabulary.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.attention.attend import DOT_PRODUCT, SOFTMAX, attend
from transduce.attention.cache import KeyValueCache, Lengths
from transduce.attention.masks import DenseMask, Mask
from transduce.decoding.protocol import Padded
from transduce.networks.transformer import DecoderLayer, EncoderDecoder


@dataclass(frozen=True)
class Memory:
    """One layer's keys and values of the source, (B, H, S, E); never copied per beam."""

    keys: Float[Tensor, "B H S E"]
    values: Float[Tensor, "B H S E"]


@dataclass(frozen=True)
class DecoderState:
    """What a step needs of all before it. Steps write into the caches: use a state once, then its successor."""

    memory: tuple[Memory, ...]
    memory_mask: DenseMask  # (B, 1, 1, S)
    caches: tuple[KeyValueCache, ...]  # one per layer, N rows
    lengths: Lengths
    asked: tuple[Tensor, ...] = ()  # what the last step asked the memory: of each layer (B, H, K T, E)


class TransformerDecoding:
    """The decoding protocol for an EncoderDecoder."""

    def __init__(self, network: EncoderDecoder) -> None:
        self.network = network

    @property
    def training(self) -> bool:
        """Whether the network is in training mode, in which it must not decode."""
        return self.network.training

    def _layers(self) -> list[DecoderLayer]:
        return [layer for layer in self.network.decoder.layers if isinstance(layer, DecoderLayer)]

    @torch.no_grad()
    def start(self, inputs: Padded | None, prompts: Padded) -> DecoderState:
        """Reads the sources and all but the last token of each prompt."""
        assert inputs is not None, "an encoder-decoder reads inputs"
        mask = self.network.memory_mask(inputs.tokens, inputs.lengths)
        encoded = self.network.encode(inputs.tokens, mask)
        memory = tuple(Memory(*layer.memory_attention.keys_values(encoded)) for layer in self._layers())
        caches = tuple(KeyValueCache.empty(each.keys) for each in memory)
        state = DecoderState(memory, mask, caches, Lengths.none(len(encoded), encoded.device))
        if prompts.tokens.shape[1] == 1:
            return state
        _, state = self._read(prompts.tokens[:, None, :-1], state)
        return self.truncate(state, (prompts.lengths - 1)[:, None])  # what was read of the padding is forgotten

    @torch.no_grad()
    def step(self, tokens: Int[Tensor, "B K T"], state: DecoderState) -> tuple[Float[Tensor, "B K T V"], DecoderState]:
        """Logits after each of T further tokens of every beam."""
        hidden, state = self._read(tokens, state)
        return self.network.logits(hidden).unflatten(0, tokens.shape[:2]), state

    def _read(self, tokens: Int[Tensor, "B K T"], state: DecoderState) -> tuple[Float[Tensor, "N T D"], DecoderState]:
        """The decoder's output at each of T further tokens."""
        new, lengths = tokens.shape[2], state.lengths
        x = self.network.embed(self.network.target_embedding, tokens.flatten(0, 1), lengths.rows, lengths.longest)
        mask = _self_mask(lengths, new)
        caches, asked = [], []
        for number, layer in enumerate(self._layers()):
            cache, memory = state.caches[number], state.memory[number]
            x, cache, queries = _layer_step(layer, x, cache, lengths, mask, memory, state.memory_mask)
            caches.append(cache)
            asked.append(queries)
        following = replace(state, caches=tuple(caches), lengths=lengths.grown(new), asked=tuple(asked))
        return self.network.decoder.final_norm(x), following

    @torch.no_grad()
    def attended(self, state: DecoderState) -> Float[Tensor, "B K T S"]:
        """The cross-attention of the last step, its mean over layers and heads. `state` is what that step gave.

        A step keeps only what it asked the memory; the weights are computed here, for those who want them.
        """
        assert state.asked, "only a step's own state tells what it attended to"
        allowed = state.memory_mask.allowed
        layers = zip(state.asked, state.memory, strict=True)
        weights = torch.stack(
            [SOFTMAX(DOT_PRODUCT(queries, memory.keys), allowed).float().mean(1) for queries, memory in layers]
        )
        beams = len(state.lengths.rows) // len(allowed)
        attended: Tensor = weights.mean(0).unflatten(1, (beams, -1))  # (B, K T, S) -> (B, K, T, S)
        return attended

    @torch.no_grad()
    def reorder(self, state: DecoderState, beams: Int[Tensor, "B K"]) -> DecoderState:
        """Beam k of sentence b goes on from beam beams[b, k]; the number of beams may change."""
        before = len(state.lengths.rows) // len(beams)
        rows = (torch.arange(len(beams), device=beams.device)[:, None] * before + beams).flatten()
        return _with_rows(replace(state, asked=()), rows)

    @torch.no_grad()
    def select(self, state: DecoderState, rows: Int[Tensor, " R"]) -> DecoderState:
        """Only the sentences named go on, in the order named."""
        memory = tuple(Memory(held.keys[rows], held.values[rows]) for held in state.memory)
        kept = replace(state, memory=memory, memory_mask=DenseMask(state.memory_mask.allowed[rows]), asked=())
        beams = len(state.lengths.rows) // len(state.memory[0].keys)
        return _with_rows(kept, (rows[:, None] * beams + torch.arange(beams, device=rows.device)).flatten())

    @torch.no_grad()
    def join(self, state: DecoderState, other: DecoderState) -> DecoderState:
        """The sentences of both, those of `state` first; both have the same number of beams."""
        source = max(state.memory_mask.allowed.shape[-1], other.memory_mask.allowed.shape[-1])
        memory = tuple(
            Memory(
                torch.cat([_padded(a.keys, source, 2), _padded(b.keys, source, 2)]),
                torch.cat([_padded(a.values, source, 2), _padded(b.values, source, 2)]),
            )
            for a, b in zip(state.memory, other.memory, strict=True)
        )
        masks = [_padded(s.memory_mask.allowed, source, 3) for s in (state, other)]
        caches = tuple(a.join(b) for a, b in zip(state.caches, other.caches, strict=True))
        lengths = Lengths.of(torch.cat([state.lengths.rows, other.lengths.rows]))
        return DecoderState(memory, DenseMask(torch.cat(masks)), caches, lengths)

    @torch.no_grad()
    def truncate(self, state: DecoderState, lengths: Int[Tensor, "B K"]) -> DecoderState:
        """Each beam forgets what stands beyond its new length."""
        return replace(state, lengths=Lengths.of(lengths.flatten()), asked=())


def _padded(held: Tensor, size: int, axis: int) -> Tensor:
    """Zeros (or False) behind `held` along `axis`, up to `size`."""
    missing = list(held.shape)
    missing[axis] = size - held.shape[axis]
    return torch.cat([held, held.new_zeros(missing)], dim=axis)


def _with_rows(state: DecoderState, rows: Tensor) -> DecoderState:
    caches = tuple(cache.select(rows) for cache in state.caches)
    return replace(state, caches=caches, lengths=state.lengths.select(rows))


def _self_mask(lengths: Lengths, new: int) -> DenseMask | None:
    """Query t of row n sees its own n's tokens and the new ones up to itself; None where every slot may be seen."""
    if lengths.equal and new == 1:
        return None
    seen = Mask(lambda b, h, q, k: k <= lengths.rows[b] + q)
    return seen.written_out(len(lengths.rows), 1, new, lengths.longest + new, lengths.rows.device)


def _layer_step(
    layer: DecoderLayer,
    x: Tensor,
    cache: KeyValueCache,
    lengths: Lengths,
    mask: DenseMask | None,
    memory: Memory,
    memory_mask: DenseMask,
) -> tuple[Tensor, KeyValueCache, Tensor]:
    """One decoder layer over T new tokens (N, T, D), its longer cache, and what it asked the memory (B, H, K T, E)."""
    grown: list[KeyValueCache] = []
    asked: list[Tensor] = []

    def attend_self(y: Tensor) -> Tensor:
        query, key, value = layer.self_attention.queries_keys_values(y, lengths.rows, lengths.longest)
        grown.append(cache.append(key, value, lengths))
        return layer.self_attention.joined(attend(query, *grown[0].filled(lengths.longest + y.shape[1]), mask))

    def attend_memory(y: Tensor) -> Tensor:
        query = layer.memory_attention.queries(y)
        new = query.shape[2]
        sentences = len(memory.keys)
        # all beams of a sentence ask its memory together: (B K, H, T, E) -> (B, H, K T, E) and back
        together = query.unflatten(0, (sentences, -1)).transpose(1, 2).flatten(2, 3)
        asked.append(together)
        heads_out = attend(together, memory.keys, memory.values, memory_mask)
        apart = heads_out.unflatten(2, (-1, new)).transpose(1, 2).flatten(0, 1)
        return layer.memory_attention.joined(apart)

    return layer.wired(x, attend_self, attend_memory), grown[0], asked[0]
