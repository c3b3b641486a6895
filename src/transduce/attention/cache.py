"""Keys and values of what has been decoded so far, as an explicit value.

Letters: N rows (sentence and beam together), H heads, T new tokens, C room in the buffer, E width of a head.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROOM = 16  # a buffer begins with room for this many tokens and doubles when full


@dataclass(frozen=True)
class Lengths:
    """How many tokens each of N rows holds. `longest` and `equal` are kept beside the tensor so that no step reads it back."""

    rows: Int[Tensor, " N"]
    longest: int
    equal: bool  # all rows are `longest` long

    @classmethod
    def none(cls, rows: int, device: torch.device) -> "Lengths":
        return cls(torch.zeros(rows, dtype=torch.int64, device=device), 0, True)

    @classmethod
    def of(cls, rows: Int[Tensor, " N"]) -> "Lengths":
        """Reads the values back once."""
        longest = int(rows.max()) if len(rows) else 0
        return cls(rows, longest, bool((rows == longest).all()))

    def grown(self, tokens: int) -> "Lengths":
        return Lengths(self.rows + tokens, self.longest + tokens, self.equal)

    def select(self, rows: Int[Tensor, " R"]) -> "Lengths":
        if self.equal:
            return Lengths(self.rows[rows], self.longest, True)
        return Lengths.of(self.rows[rows])


@dataclass(frozen=True)
class KeyValueCache:
    """Keys and values (N, H, C, E); of row n the first lengths[n] slots are filled."""

    keys: Float[Tensor, "N H C E"]
    values: Float[Tensor, "N H C E"]

    @classmethod
    def empty(cls, like: Float[Tensor, "N H T E"]) -> "KeyValueCache":
        rows, heads, _, width = like.shape
        return cls(like.new_zeros(rows, heads, ROOM, width), like.new_zeros(rows, heads, ROOM, width))

    def append(
        self, keys: Float[Tensor, "N H T E"], values: Float[Tensor, "N H T E"], lengths: Lengths
    ) -> "KeyValueCache":
        """The cache with T more tokens behind each row's own length. Writes in place where there is room."""
        cache = self._with_room(lengths.longest + keys.shape[2])
        if lengths.equal:
            cache.keys[:, :, lengths.longest : lengths.longest + keys.shape[2]] = keys
            cache.values[:, :, lengths.longest : lengths.longest + keys.shape[2]] = values
            return cache
        slots = lengths.rows[:, None] + torch.arange(keys.shape[2], device=keys.device)  # (N, T)
        index = slots[:, None, :, None].expand_as(keys)  # (N, H, T, E)
        cache.keys.scatter_(2, index, keys)
        cache.values.scatter_(2, index, values)
        return cache

    def filled(self, longest: int) -> tuple[Float[Tensor, "N H S E"], Float[Tensor, "N H S E"]]:
        """Views of the first `longest` slots."""
        return self.keys[:, :, :longest], self.values[:, :, :longest]

    def select(self, rows: Int[Tensor, " R"]) -> "KeyValueCache":
        """Rows by index: beams that go on, in their new order, or sentences that stay."""
        return KeyValueCache(self.keys.index_select(0, rows), self.values.index_select(0, rows))

    def join(self, other: "KeyValueCache") -> "KeyValueCache":
        """This cache's rows, then the other's."""
        room = max(self.keys.shape[2], other.keys.shape[2])
        mine, theirs = self._with_room(room), other._with_room(room)
        return KeyValueCache(torch.cat([mine.keys, theirs.keys]), torch.cat([mine.values, theirs.values]))

    def _with_room(self, tokens: int) -> "KeyValueCache":
        room = self.keys.shape[2]
        if tokens <= room:
            return self
        added = max(tokens, 2 * room) - room
        return KeyValueCache(*(torch.nn.functional.pad(held, (0, 0, 0, added)) for held in (self.keys, self.values)))
