"""Multi-head attention (Vaswani et al. 2017, section 3.2.2): linear maps around `attend`.

Letters: B batch, N rows of queries (K beams for each of B memories), L queries, S keys, D width of the model, H heads of
queries, G heads of keys and values, E width of a head.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from transduce.attention.attend import DOT_PRODUCT, SOFTMAX, attend, attention_weights
from transduce.attention.biases import DistanceBias
from transduce.attention.cache import KeysValues, KeyValueCache, Memory
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.normalisers import Normaliser
from transduce.attention.positions import NoPositions, PositionEncoding, Positions
from transduce.attention.ranges import at_least
from transduce.attention.scores import Score
from transduce.layers.initialise import xavier_linear
from transduce.layers.packed_linear import PackedLinear

NO_POSITIONS = NoPositions()


class MultiHeadAttention(nn.Module):
    """The common part of self-attention and cross-attention: the linear maps, and the split into heads.

        output = concat(head_1 .. head_H) W_O + b_O,    head_i = attend(query_i, key_i, value_i)

    One weight holds the maps to queries, keys and values, in that order; each map has a bias.
    key_value_heads: G, by default H (Ainslie et al. 2023, 2305.13245). head_width: E, by default D / H. dropout: share of
    the attention weights that training drops. score: `query key^T / sqrt(E)` by default. normalise: softmax by default.
    distance_bias: added to the scores of positions, by their distance.
    """

    def __init__(
        self,
        d_model: int,
        heads: int,
        key_value_heads: int | None = None,
        head_width: int | None = None,
        dropout: float = 0.0,
        score: Score = DOT_PRODUCT,
        normalise: Normaliser = SOFTMAX,
        distance_bias: DistanceBias | None = None,
    ) -> None:
        super().__init__()
        at_least("heads", heads, 1)
        if head_width is None and d_model % heads:
            raise ValueError(f"d-model must be a multiple of heads, found {d_model} and {heads}; or give head-width")
        if heads % (key_value_heads or heads):
            raise ValueError(f"heads must be a multiple of key-value-heads, found {heads} and {key_value_heads}")
        self.heads, self.key_value_heads = heads, key_value_heads or heads
        self.head_width = head_width or d_model // heads
        self.dropout, self.score, self.normalise, self.distance_bias = dropout, score, normalise, distance_bias
        query_width, key_width = heads * self.head_width, self.key_value_heads * self.head_width
        self.to_query_key_value = PackedLinear(d_model, query_width, key_width, key_width)
        self.to_output = xavier_linear(query_width, d_model)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Mask | DenseMask | None, bias: Tensor | None
    ) -> Float[Tensor, "B H L E"]:
        """The function `attend` with the score, the normaliser and (in training) the dropout of this module."""
        dropout = self.dropout if self.training else 0.0
        return attend(query, key, value, mask, bias=bias, score=self.score, normalise=self.normalise, dropout=dropout)

    def with_distances(self, bias: Tensor | None, queries: Tensor, keys: Tensor) -> Tensor | None:
        """`bias` and the module's own one, for queries (M, L) or (L,) and keys at these positions."""
        if self.distance_bias is None:
            return bias
        distance = keys.unsqueeze(-2) - queries.unsqueeze(-1)
        own: Tensor = self.distance_bias.at(distance[(None,) * (3 - distance.ndim)])
        return own if bias is None else bias + own

    def split_heads(self, packed: Float[Tensor, "B L X"], *heads: int) -> list[Tensor]:
        """Packed features into `heads[0]` heads, `heads[1]` heads, ...: (B, L, n E) -> (B, L, n, E) -> each (B, heads[i], L, E)."""
        return [part.transpose(1, 2) for part in packed.unflatten(-1, (-1, self.head_width)).split(heads, 2)]


def merge_heads(heads: Float[Tensor, "B H L E"]) -> Float[Tensor, "B L HE"]:
    """Heads side by side."""
    return heads.transpose(1, 2).flatten(2)


class CrossCall(NamedTuple):
    """The arguments of a cross-attention's `attend` beside keys and values."""

    query: Float[Tensor, "B H KL E"]
    mask: DenseMask
    bias: Float[Tensor, "B H KL S"] | None


class SelfAttention(MultiHeadAttention):
    """Each token attends to the tokens of its own row."""

    def __init__(
        self,
        d_model: int,
        heads: int,
        position_encoding: PositionEncoding = NO_POSITIONS,
        key_value_heads: int | None = None,
        head_width: int | None = None,
        dropout: float = 0.0,
        score: Score = DOT_PRODUCT,
        normalise: Normaliser = SOFTMAX,
        distance_bias: DistanceBias | None = None,
    ) -> None:
        super().__init__(d_model, heads, key_value_heads, head_width, dropout, score, normalise, distance_bias)
        position_encoding.check(self.head_width)
        self.position_encoding = position_encoding

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        mask: Mask | DenseMask | None = None,
        bias: Float[Tensor, "..."] | None = None,
        positions: Positions | None = None,
        cache: KeyValueCache | None = None,
    ) -> tuple[Float[Tensor, "B L D"], KeyValueCache | None]:
        """With a cache the keys are those in it, then the new ones, and the longer cache is returned beside the output.

        Mask and bias are over all of these keys. Without `positions` the positions are 0 .. L - 1.
        """
        positions = positions or Positions.first(x.shape[1], x.device)
        query, key, value = self.queries_keys_values(x, positions)
        key_positions = positions.index
        if cache is not None:
            cache = cache.append(key, value, positions)
            key, value = cache.first(positions.end)
            key_positions = torch.arange(positions.end, device=x.device)
        bias = self.with_distances(bias, positions.index, key_positions)
        attended = self.attend(query, key, value, mask, bias)
        return self.to_output(merge_heads(attended)), cache

    def weights(
        self,
        x: Float[Tensor, "B L D"],
        mask: Mask | DenseMask | None = None,
        bias: Float[Tensor, "..."] | None = None,
        positions: Positions | None = None,
        cache: None = None,
    ) -> Float[Tensor, "B H L L"]:
        """The attention weights of `forward`, computed again so that `forward` need not keep them."""
        assert cache is None, "weights are those of a whole forward pass"
        positions = positions or Positions.first(x.shape[1], x.device)
        query, key, _ = self.queries_keys_values(x, positions)
        bias = self.with_distances(bias, positions.index, positions.index)
        return attention_weights(query, key, mask, bias, self.score, self.normalise)

    def queries_keys_values(self, x: Float[Tensor, "B L D"], positions: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """(B, H, L, E), (B, G, L, E) and (B, G, L, E)."""
        query, key, value = self.split_heads(
            self.to_query_key_value(x), self.heads, self.key_value_heads, self.key_value_heads
        )
        return *self.position_encoding.rotate(query, key, positions), value


class CrossAttention(MultiHeadAttention):
    """Each token attends to a memory: queries come from the token, keys and values from the memory.

    near: a rule over the positions of tokens and of memory, beside the mask of the memory.
    """

    def __init__(self, *args: Any, near: Mask | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.near = near

    def forward(
        self,
        x: Float[Tensor, "N L D"],
        memory: Memory | KeysValues,
        bias: Float[Tensor, "..."] | None = None,
        positions: Positions | None = None,
    ) -> Float[Tensor, "N L D"]:
        """K rows of x may share a memory: rows b * K to b * K + K - 1 attend to memory b.

        Without `positions` the positions are 0 .. L - 1.
        """
        if isinstance(memory, Memory):
            memory = KeysValues(*self.keys_values(memory.states), memory.mask)
        query = self.queries(x)
        call = self.call(query, memory, bias, positions)
        if memory.calls is not None:  # for TransformerDecoding.attended
            memory.calls.append(call)
        heads = self.attend(call.query, memory.keys, memory.values, call.mask, call.bias)
        output: Tensor = self.to_output(merge_heads(unfold_beams(heads, x.shape[1])))
        return output

    def weights(
        self,
        x: Float[Tensor, "B L D"],
        memory: Memory,
        bias: Float[Tensor, "..."] | None = None,
        positions: Positions | None = None,
    ) -> Float[Tensor, "B H L S"]:
        """The attention weights of `forward`, computed again so that `forward` need not keep them."""
        cache = KeysValues(*self.keys_values(memory.states), memory.mask)
        return self.weights_of(self.call(self.queries(x), cache, bias, positions), cache.keys)

    def weights_of(self, call: CrossCall, key: Float[Tensor, "B G S E"]) -> Float[Tensor, "B H KL S"]:
        """The attention weights of a call, to the keys of its memory."""
        return attention_weights(call.query, key, call.mask, call.bias, self.score, self.normalise)

    def call(
        self, query: Float[Tensor, "N H L E"], memory: KeysValues, bias: Tensor | None, positions: Positions | None
    ) -> CrossCall:
        """The arguments of `attend`, with all rows that share a memory in one."""
        memories, keys = len(memory.keys), memory.keys.shape[2]
        folded, mask = fold_beams(query, memories), memory.mask
        if self.near is None and self.distance_bias is None:
            return CrossCall(folded, mask, bias)
        rows, heads, length, _ = query.shape
        places = (positions or Positions.first(length, query.device)).index
        bias = self.with_distances(bias, places, torch.arange(keys, device=query.device))
        if bias is not None:
            bias = fold_beams(bias.expand(rows, heads, length, keys), memories)
        if self.near is not None:
            near = self.near.at(places).dense(rows, heads, length, keys, query.device)
            mask = DenseMask(fold_beams(near.expand(rows, -1, -1, -1), memories) & mask.allowed)
        return CrossCall(folded, mask, bias)

    def queries(self, x: Float[Tensor, "N L D"]) -> Float[Tensor, "N H L E"]:
        (query,) = self.split_heads(self.to_query_key_value.part(x, 0, 1), self.heads)
        return query

    def keys_values(self, states: Float[Tensor, "B S D"]) -> tuple[Float[Tensor, "B G S E"], Float[Tensor, "B G S E"]]:
        packed = self.to_query_key_value.part(states, 1, 3)
        key, value = self.split_heads(packed, self.key_value_heads, self.key_value_heads)
        return key, value


def fold_beams(query: Shaped[Tensor, "N H L E"], memories: int) -> Shaped[Tensor, "B H KL E"]:
    """The queries of all rows that share a memory in one: (B K, H, L, E) -> (B, K, H, L, E) -> (B, H, K L, E)."""
    if len(query) == memories:
        return query
    by_memory: Tensor = query.unflatten(0, (memories, -1))
    return by_memory.transpose(1, 2).flatten(2, 3)


def unfold_beams(heads: Float[Tensor, "B H KL E"], queries: int) -> Float[Tensor, "N H L E"]:
    """The reverse: (B, H, K L, E) -> (B, H, K, L, E) -> (B, K, H, L, E) -> (B K, H, L, E)."""
    if heads.shape[2] == queries:
        return heads
    by_beam: Tensor = heads.unflatten(2, (-1, queries))
    return by_beam.transpose(1, 2).flatten(0, 1)
