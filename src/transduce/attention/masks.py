"""Masks as closures: (batch, head, query, key) -> bool, True = may attend. Compose them with `&`, `|` and `~`.

The four arguments are index tensors that broadcast against each other, shaped (B,1,1,1), (1,H,1,1), (1,1,L,1) and
(1,1,1,S); a closure that ignores some of them gives a small tensor.

    >>> causal().dense(1, 1, 3, 3)[0, 0].int()      rows are queries, columns are keys
    [[1, 0, 0],
     [1, 1, 0],
     [1, 1, 1]]
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Mask:
    """A rule over indices: which query may attend to which key."""

    rule: Rule

    def __and__(self, other: "Mask") -> "Mask":
        return Mask(lambda b, h, q, k: self.rule(b, h, q, k) & other.rule(b, h, q, k))

    def __or__(self, other: "Mask") -> "Mask":
        return Mask(lambda b, h, q, k: self.rule(b, h, q, k) | other.rule(b, h, q, k))

    def __invert__(self) -> "Mask":
        return Mask(lambda b, h, q, k: ~self.rule(b, h, q, k))

    def dense(
        self, batch: int, heads: int, queries: int, keys: int, device: torch.device | str = "cpu"
    ) -> Bool[Tensor, "_ _ L S"]:
        """The rule written out: (B or 1, H or 1, L, S), with axes of size 1 where the rule does not look at them."""
        index = [torch.arange(size, device=device) for size in (batch, heads, queries, keys)]
        b, h, q, k = (i.view([-1 if axis == at else 1 for at in range(4)]) for axis, i in enumerate(index))
        allowed = self.rule(b, h, q, k)
        return allowed.expand(allowed.shape[0], allowed.shape[1], queries, keys)

    def written_out(self, batch: int, heads: int, queries: int, keys: int, device: torch.device | str) -> "DenseMask":
        """The same mask with its rows computed once, for a stack whose layers all use it."""
        return DenseMask(self.dense(batch, heads, queries, keys, device))


@dataclass(frozen=True)
class DenseMask:
    """A mask as a tensor (B or 1, H or 1, L, S), True = may attend, with its additive forms cached."""

    allowed: Bool[Tensor, "_ _ L S"]
    _additive: dict[torch.dtype, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def additive(self, dtype: torch.dtype) -> Float[Tensor, "_ _ L S"]:
        """0 where allowed, half the most negative number elsewhere: finite for rows without any key, whatever is added."""
        if dtype not in self._additive:
            blank = torch.zeros(self.allowed.shape, dtype=dtype, device=self.allowed.device)
            self._additive[dtype] = blank.masked_fill_(~self.allowed, torch.finfo(dtype).min / 2)
        return self._additive[dtype]

    @cached_property
    def every_query_sees(self) -> bool:
        """Whether each query has some key. False on an accelerator, as reading the answer back would stall it."""
        return self.allowed.device.type == "cpu" and bool(self.allowed.any(-1).all())


def causal(offset: int = 0) -> Mask:
    """Query i sees keys 0 .. i + offset. With `offset` cached keys before the first query this is bottom-right causal."""
    return Mask(lambda b, h, q, k: k <= q + offset)


def up_to(positions: Int[Tensor, "*B L"]) -> Mask:
    """Query i sees keys 0 .. positions[i], its own position among them: (L,) for all rows or (B, L)."""
    if positions.ndim == 1:
        return Mask(lambda b, h, q, k: k <= positions[q])
    return Mask(lambda b, h, q, k: k <= positions[b, q])


def same_document(documents: Int[Tensor, "B T"]) -> Mask:
    """Queries see keys of their own document: block-diagonal where several are packed into a row."""
    return Mask(lambda b, h, q, k: documents[b, q] == documents[b, k])


def within_lengths(lengths: Int[Tensor, " B"]) -> Mask:
    """Keys at or beyond the length of their sentence are padding."""
    return Mask(lambda b, h, q, k: k < lengths.to(k.device)[b])
