"""Keys and values that decoding computes once, as explicit values. `append` alone writes into the buffers of the cache
that it is called on: use a cache once, then its successor.

Letters: B sentences, N rows (sentence and beam together), G heads of keys, T new tokens, C slots of a buffer, S source
tokens, E width of a head.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.mask import DenseMask
from transduce.attention.positions import Positions

SLOTS = 16  # of a new buffer; a full one grows by a quarter: each step of a beam search copies all slots, free ones too


@dataclass(frozen=True)
class Lengths:
    """Number of tokens in each of N rows. `longest` and `equal` are stored beside the tensor, so that no step reads it back."""

    rows: Int[Tensor, " N"]
    longest: int
    equal: bool  # all rows are `longest` long

    @classmethod
    def zeros(cls, rows: int, device: torch.device) -> "Lengths":
        return cls(torch.zeros(rows, dtype=torch.int64, device=device), 0, True)

    @classmethod
    def of(cls, rows: Int[Tensor, " N"]) -> "Lengths":
        """Reads the values back once."""
        longest = int(rows.max()) if len(rows) else 0
        return cls(rows, longest, bool((rows == longest).all()))

    def plus(self, tokens: int) -> "Lengths":
        return Lengths(self.rows + tokens, self.longest + tokens, self.equal)

    def select(self, rows: Int[Tensor, " R"]) -> "Lengths":
        if self.equal:
            return Lengths(self.rows[rows], self.longest, True)
        return Lengths.of(self.rows[rows])

    def next_positions(self, tokens: int) -> Positions:
        """Positions of further tokens: (T,) where all rows have equal lengths, else (N, T)."""
        new = torch.arange(tokens, device=self.rows.device)
        end = self.longest + tokens
        return Positions(new + self.longest if self.equal else self.rows[:, None] + new, end)


@dataclass(frozen=True)
class KeyValueCache:
    """One layer's keys and values (N, G, C, E); the token at position p of a row is in slot p."""

    keys: Float[Tensor, "N G C E"]
    values: Float[Tensor, "N G C E"]

    def append(
        self, keys: Float[Tensor, "N G T E"], values: Float[Tensor, "N G T E"], positions: Positions
    ) -> "KeyValueCache":
        """The cache with T more tokens at their positions. Writes in place where there are free slots."""
        cache = self._with_slots(positions.end)
        if positions.index.ndim == 1:
            first = positions.end - keys.shape[2]
            cache.keys[:, :, first : positions.end] = keys
            cache.values[:, :, first : positions.end] = values
            return cache
        index = positions.index[:, None, :, None].expand_as(keys)  # (N, G, T, E)
        cache.keys.scatter_(2, index, keys)
        cache.values.scatter_(2, index, values)
        return cache

    def first(self, slots: int) -> tuple[Float[Tensor, "N G S E"], Float[Tensor, "N G S E"]]:
        """Views of the first slots."""
        return self.keys[:, :, :slots], self.values[:, :, :slots]

    def select(self, rows: Int[Tensor, " R"]) -> "KeyValueCache":
        return KeyValueCache(self.keys.index_select(0, rows), self.values.index_select(0, rows))

    def join(self, other: "KeyValueCache") -> "KeyValueCache":
        """This cache's rows, then the other's."""
        slots = max(self.keys.shape[2], other.keys.shape[2])
        mine, theirs = self._with_slots(slots), other._with_slots(slots)
        return KeyValueCache(torch.cat([mine.keys, theirs.keys]), torch.cat([mine.values, theirs.values]))

    def _with_slots(self, slots: int) -> "KeyValueCache":
        size = self.keys.shape[2]
        if slots <= size:
            return self
        padding = (0, 0, 0, max(slots - size, SLOTS, size // 4))
        return KeyValueCache(F.pad(self.keys, padding), F.pad(self.values, padding))


@dataclass(frozen=True)
class Cache:
    """The self-attention cache of a stack of layers."""

    layers: tuple[KeyValueCache, ...]
    lengths: Lengths

    @classmethod
    def empty(cls, layers: int, rows: int, key_heads: int, head_width: int, like: Tensor) -> "Cache":
        """For N rows without tokens, on the device and in the number format of `like`."""
        shape = (rows, key_heads, SLOTS, head_width)
        buffers = tuple(KeyValueCache(like.new_zeros(shape), like.new_zeros(shape)) for _ in range(layers))
        return cls(buffers, Lengths.zeros(rows, like.device))

    def after(self, layers: Iterable[KeyValueCache], tokens: int) -> "Cache":
        """The cache after every layer has appended so many tokens."""
        return Cache(tuple(layers), self.lengths.plus(tokens))

    def select(self, rows: Int[Tensor, " R"]) -> "Cache":
        """Rows by index: beams in a new order, or fewer sentences."""
        return Cache(tuple(layer.select(rows) for layer in self.layers), self.lengths.select(rows))

    def join(self, other: "Cache") -> "Cache":
        """This cache's rows, then the other's."""
        layers = tuple(mine.join(theirs) for mine, theirs in zip(self.layers, other.layers, strict=True))
        return Cache(layers, Lengths.of(torch.cat([self.lengths.rows, other.lengths.rows])))

    def truncate(self, lengths: Int[Tensor, " N"]) -> "Cache":
        """Each row without its tokens from its new length on."""
        return Cache(self.layers, Lengths.of(lengths))


@dataclass(frozen=True)
class Memory:
    """Encoder output, and the mask of its padding (B, 1, 1, S)."""

    states: Float[Tensor, "B S D"]
    mask: DenseMask

    def layer(self, number: int) -> "Memory":
        """Each layer computes its keys and values from the same states."""
        return self


class KeysValues(NamedTuple):
    """One layer's keys and values of a memory. The layer appends its call to `calls` where there is a list."""

    keys: Float[Tensor, "B G S E"]
    values: Float[Tensor, "B G S E"]
    mask: DenseMask
    calls: list[Any] | None = None


@dataclass(frozen=True)
class MemoryCache:
    """Keys and values (B, G, S, E) of a memory in each layer: contiguous, and per sentence, never copied per beam."""

    keys: tuple[Float[Tensor, "B G S E"], ...]
    values: tuple[Float[Tensor, "B G S E"], ...]
    mask: DenseMask
    calls: list[Any] | None = None  # gets the `CrossCall` of each layer's next forward pass

    @classmethod
    def of(cls, layers: Iterable[tuple[Tensor, Tensor]], mask: DenseMask) -> "MemoryCache":
        # as views of one projection each step's matrix product would copy them
        keys, values = zip(*((key.contiguous(), value.contiguous()) for key, value in layers), strict=True)
        return cls(keys, values, mask)

    def layer(self, number: int) -> KeysValues:
        return KeysValues(self.keys[number], self.values[number], self.mask, self.calls)

    def select(self, rows: Int[Tensor, " R"]) -> "MemoryCache":
        keys, values = (tuple(each[rows] for each in part) for part in (self.keys, self.values))
        return MemoryCache(keys, values, DenseMask(self.mask.allowed[rows]).with_finite_keys())

    def join(self, other: "MemoryCache") -> "MemoryCache":
        """These sentences, then the other's, padded to one length."""

        def pad(x: Tensor, source: int) -> Tensor:
            return F.pad(x, (0, 0, 0, source - x.shape[2]))

        source = max(self.mask.allowed.shape[3], other.mask.allowed.shape[3])
        keys, values = (
            tuple(torch.cat([pad(a, source), pad(b, source)]) for a, b in zip(mine, theirs, strict=True))
            for mine, theirs in ((self.keys, other.keys), (self.values, other.values))
        )
        masks = [F.pad(each.mask.allowed, (0, source - each.mask.allowed.shape[3])) for each in (self, other)]
        return MemoryCache(keys, values, DenseMask(torch.cat(masks)).with_finite_keys())
